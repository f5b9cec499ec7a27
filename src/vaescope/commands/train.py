"""``vaescope train``: compose, check, build, train, report."""

from typing import Any

import hydra
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.config import config_dir, register_schemas

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.training import train  # imports torch: not for --help and --cfg

    return train(config)


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="train")
def main(config: DictConfig) -> float | None:
    """Train one model; a sweep calls this once a job."""
    rows = run_job(config, _program)
    return rows[0].get("val/loss", rows[0].get("test/loss"))
