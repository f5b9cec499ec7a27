"""``vaescope evaluate checkpoint=PATH``: measure a trained model again."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.imports import lasting
from vaescope.commands.job import command


@command
def main(config: DictConfig) -> Any:
    """Measure one checkpoint."""
    with lasting():  # not for --help and --cfg
        from vaescope.experiment.evaluation import evaluate

    return evaluate(config)
