"""``vaescope reproduce PAPER``: a paper's tables and figures beside the published values."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vaescope.commands.imports import lasting
from vaescope.commands.job import command
from vaescope.config.checks import check
from vaescope.config.loading import config_dir, resolved
from vaescope.stopping import Stopped


@command
def main(config: DictConfig) -> Any:
    """Reproduce."""
    with lasting():  # not for --help and --cfg
        from vaescope.reproduction import reproduce

    check(config)
    paper = HydraConfig.get().runtime.choices["paper"]
    try:
        return reproduce(resolved(config), paper, Path(config_dir()))
    except Stopped as stop:
        stop.kept = "what its runs have made is kept"
        raise
