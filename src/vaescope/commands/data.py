"""``vaescope data list|show|fetch|verify|render``."""

from typing import Any

import hydra
from omegaconf import DictConfig

from vaescope.commands.job import run_job
from vaescope.config.build import config_dir, register_schemas
from vaescope.errors import ConfigError

register_schemas()


def _program(config: DictConfig) -> Any:
    from vaescope.commands import data_sets, fetching

    actions = {
        "list": data_sets.show_list,
        "show": data_sets.show,
        "fetch": fetching.fetch,
        "verify": data_sets.verify,
        "render": data_sets.render,
    }
    if config.action not in actions:
        raise ConfigError(f"action={config.action}: choose {', '.join(actions)}")
    return actions[config.action](config)


@hydra.main(version_base="1.3", config_path=config_dir(), config_name="data")
def main(config: DictConfig) -> None:
    """List, show, fetch, verify or render."""
    run_job(config, _program)
