"""``vaescope train``: compose, check, build, train, report."""

from typing import Any

import hydra
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.commands.sweep import SweepTable
from vaescope.config import config_dir, register_schemas

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.training import train  # imports torch: not for --help and --cfg

    return train(config)


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="train")
def _jobs(config: DictConfig) -> float:
    """Train one model, once a job of a sweep; the final loss is for sweepers that search."""
    losses = [row["test/loss"] for row in run_job(config, _program)]
    return sum(losses) / len(losses)


def main() -> None:
    """Train one model or a sweep of them."""
    try:
        _jobs()
    finally:
        SweepTable.finish()
