"""``vaescope dashboard``: wandb's workspace and report of a project, from the scores' records."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from vaescope.commands.job import command
from vaescope.config.checks import check
from vaescope.config.loading import resolved

log = logging.getLogger(__name__)


@command
def main(config: DictConfig) -> Any:
    """Write them; send them if asked."""
    from vaescope.dashboard.wandb_views import Views, push_views, write_views
    from vaescope.scores import CHIEF_SCORES

    check(config)
    plain = resolved(config)
    names = ("project", "entity", "title", "settings", "objective")
    views = Views(**{name: plain[name] for name in names}, scores=plain["scores"] or CHIEF_SCORES)
    for path in write_views(views, Path(plain["output_dir"])):
        log.info("%s", path)
    for address in push_views(views) if plain["push"] else ():
        log.info("%s", address)
