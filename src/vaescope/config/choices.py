"""Choices made for the user: by a data set, by a method, or by nobody."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from vaescope.config.groups import GROUPS, NAMES
from vaescope.config.overrides import as_typed
from vaescope.config.schemas import TrainSchema

_NESTED = re.compile(r"\w+(\.\w+)+")
_VALUES = {each.name for each in fields(TrainSchema)} - {*NAMES}
CHOOSING = {group.name for group in GROUPS}  # an experiment is the user's own choice
# option that chose, data=synthetic_linear -> what it chose, network=mlp_60_40_20
Choices = Mapping[str, Sequence[str]]


def choices_made() -> Choices:
    """What options of this job chose of other groups, and neither user nor experiment did."""
    words = as_typed(HydraConfig.get().overrides.task)
    made: dict[str, list[str]] = {}
    for group, option, by, name in _chosen_now():
        by_user = group == "trainer" and any("trainer.precision=" in word for word in words)
        if by in CHOOSING and not by_user:
            made.setdefault(f"{by}={name}", []).append(f"{group}={option}")
    return made


def open_network() -> str | None:
    """The word that chose this job's data, if neither the user nor any file chose its network.

    None: somebody did, or the job goes on with a run, which keeps its own.
    """
    options = HydraConfig.get().runtime.choices
    is_chosen = any(group == "network" for group, *_ in _chosen_now())
    return f"data={options['data']}" if options.get("network") and not is_chosen else None


def _chosen_now() -> tuple[tuple[str, str, str, str], ...]:
    """``_chosen`` of this job."""
    job, loader = HydraConfig.get(), GlobalHydra.instance().config_loader()
    words = [word for word in as_typed(job.overrides.task) if not _is_value(word)]
    places = [w for w in as_typed(job.overrides.hydra) if w.startswith("hydra.searchpath=")]
    return _chosen(loader, str(job.job.config_name), (*words, *places))


@lru_cache(16)  # jobs of a sweep mostly differ in values, and Hydra takes 0.1 s to find this out
def _chosen(
    loader: ConfigLoader, name: str, words: tuple[str, ...]
) -> tuple[tuple[str, str, str, str], ...]:
    """Group, its option, and group and option that chose it; the user is ``None``, nothing."""
    found = loader.compute_defaults_list(name, list(words), RunMode.RUN).overrides
    chosen = []
    for group, option in found.override_choices.items():
        by, _, its = str(found.override_metadata[group].containing_config_path).partition("/")
        chosen.append((group, str(option), by, its))
    return tuple(chosen)


def _is_value(word: str) -> bool:
    """Whether a word sets a value that is there, and chooses no option of a group."""
    key, is_there, _ = word.partition("=")
    return bool(is_there) and (bool(_NESTED.fullmatch(key)) or key in _VALUES)


def explain_choices(choices: Choices, shape: Sequence[int]) -> str:
    """One line that says what was chosen and why; nothing if nothing was.

    Args:
        choices: as ``choices_made`` gives them.
        shape: of one observation.
    """
    sides = " x ".join(str(side) for side in shape)
    kind = f"vectors of {sides} numbers" if len(shape) == 1 else f"images of {sides} pixels"
    return "; ".join(
        f"{', '.join(made)}: because {by} {f'has {kind}' if by.startswith('data=') else 'needs it'}"
        for by, made in choices.items()
    )
