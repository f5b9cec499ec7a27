"""``vaescope report runs=[FOLDER,...]``: a comparison of finished runs."""

from typing import Any

import hydra
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.config.build import config_dir, register_schemas, resolved
from vaescope.config.check import check

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.report.comparison.page import compare  # draws: not for --help and --cfg
    from vaescope.report.run.finishing import finish_reports

    check(config)
    plain = resolved(config)
    finish_reports(plain["runs"])
    return compare(plain)


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="report")
def main(config: DictConfig) -> None:
    """Compare."""
    run_job(config, _program)
