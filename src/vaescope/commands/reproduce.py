"""``vaescope reproduce PAPER``: a paper's tables and figures beside the published values."""

from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.config.build import config_dir, register_schemas, resolved
from vaescope.config.check import check

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.reproduction import reproduce  # imports torch: not for --help and --cfg

    check(config)
    paper = HydraConfig.get().runtime.choices["paper"]
    return reproduce(resolved(config), paper, Path(config_dir()))


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="reproduce")
def main(config: DictConfig) -> None:
    """Reproduce."""
    run_job(config, _program)
