"""``vaescope evaluate checkpoint=PATH``: measure a trained model again."""

from typing import Any

import hydra
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.config.build import config_dir, register_schemas

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.experiment.evaluation import evaluate  # imports torch: not for --help and --cfg

    return evaluate(config)


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="evaluate")
def main(config: DictConfig) -> None:
    """Measure one checkpoint."""
    run_job(config, _program)
