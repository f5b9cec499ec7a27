"""``vaescope export run=FOLDER``: a trained model for other programs, with a model card."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.imports import lasting
from vaescope.commands.job import command


@command
def main(config: DictConfig) -> Any:
    """Export one model."""
    with lasting():  # not for --help and --cfg
        from vaescope.export.program import export

    return export(config)
