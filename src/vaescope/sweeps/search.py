"""Sweepers that search: tell them which end of the objective is good."""

import logging
from typing import Any

from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from vaescope.config.overrides import as_typed
from vaescope.errors import ConfigError
from vaescope.scores import direction_of
from vaescope.scores.objective import DEFAULT, objective_keys
from vaescope.sweeps.command_line import KNOWN_BEFORE

log = logging.getLogger(__name__)

_NONE = object()

_KNOWN_BEFORE = tuple(f".{name.capitalize()}Sweeper" for name in KNOWN_BEFORE)
# where sweepers of Optuna, Nevergrad and Ax have which end is good
DIRECTIONS: dict[str, dict[str, Any]] = {
    "direction": {"maximize": "maximize", "minimize": "minimize"},
    "optim.maximize": {"maximize": True, "minimize": False},
    "ax_config.experiment.minimize": {"maximize": False, "minimize": True},
}


def is_search(hydra: Any) -> bool:
    """Whether Hydra's sweeper chooses the next jobs by what the ones before gave."""
    sweeper = str(hydra.sweeper.get("_target_"))
    return hydra.mode is RunMode.MULTIRUN and not sweeper.endswith(_KNOWN_BEFORE)


def steer(config: DictConfig) -> None:
    """Tell the sweeper which end of the objective is good, unless the command line does.

    Args:
        config: the whole composed configuration; its ``hydra.sweeper`` is changed.
    """
    if config.objective is None:
        log.warning(
            "the search is told %s, in which the settings of the method have their weight; to "
            "compare methods name a score: objective=val/mig",
            DEFAULT,
        )
    try:
        keys = objective_keys(DEFAULT if config.objective is None else config.objective)
    except ConfigError:  # each job says it
        return
    wanted = [direction_of(key) for key in keys]
    told = ", ".join(
        f"{k}: {d or 'no end is good by itself'}" for k, d in zip(keys, wanted, strict=True)
    )
    if any(key.startswith("test/") for key in keys):
        log.warning("%s: what a search has seen says nothing about other data", ", ".join(keys))
    for place, words in DIRECTIONS.items():
        if OmegaConf.select(config.hydra.sweeper, place, default=_NONE) is _NONE:
            continue
        given = [
            w
            for w in as_typed(config.hydra.overrides.hydra)
            if w.lstrip("+").startswith(f"hydra.sweeper.{place}=")
        ]
        if given or None in wanted:
            log.info("objective %s; hydra.sweeper.%s stays as it is", told, place)
            return
        chosen = [words[direction] for direction in wanted if direction]
        with read_write(config), open_dict(config):
            value = chosen[0] if len(chosen) == 1 else chosen
            OmegaConf.update(config.hydra.sweeper, place, value)
        log.info("objective %s; hydra.sweeper.%s=%s", told, place, value)
        return
    log.info("objective %s; tell the sweeper so, it gets the scores as they are", told)
