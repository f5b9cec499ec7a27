"""``vaescope report runs=[FOLDER,...]``: a comparison of finished runs."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.job import command
from vaescope.config.checks import check
from vaescope.config.loading import resolved


@command
def main(config: DictConfig) -> Any:
    """Compare."""
    from vaescope.report.comparison.page import compare  # draws: not for --help and --cfg
    from vaescope.report.run.finishing import finish_reports

    check(config)
    plain = resolved(config)
    return compare(plain, finish_reports(plain["runs"]))
