"""``vaescope data list|show|fetch|verify|render``."""

from typing import Any

from omegaconf import DictConfig

from vaescope.commands.imports import lasting
from vaescope.commands.job import command
from vaescope.errors import ConfigError


def act(config: DictConfig) -> Any:
    """List, show, fetch, verify or render."""
    if config.action == "list":
        from vaescope.commands.data_list import show_list

        return show_list(config)
    with lasting():  # torch: the list needs none
        from vaescope.commands import data_sets, fetching

    actions = {
        "show": data_sets.show,
        "fetch": fetching.fetch,
        "verify": data_sets.verify,
        "render": data_sets.render,
    }
    if config.action not in actions:
        raise ConfigError(f"action={config.action}: choose list, {', '.join(actions)}")
    return actions[config.action](config)


main = command(act)
