"""``vaescope evaluate checkpoint=PATH``: measure a trained model again."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.job import command


@command
def main(config: DictConfig) -> Any:
    """Measure one checkpoint."""
    from vaescope.experiment.evaluation import evaluate  # imports torch: not for --help and --cfg

    return evaluate(config)
