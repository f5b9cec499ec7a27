"""``vaescope data list|show|fetch|verify|render``."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.job import command
from vaescope.errors import ConfigError


def act(config: DictConfig) -> Any:
    """List, show, fetch, verify or render."""
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


main = command(act)
