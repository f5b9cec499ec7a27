"""Choices made for the user: which options a data set or a method chose of other groups."""

from collections.abc import Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from vaescope.config.groups import GROUPS
from vaescope.config.overrides import as_typed

CHOOSING = {group.name for group in GROUPS}  # an experiment is the user's own choice
# option that chose, data=synthetic_linear -> what it chose, network=mlp_60_40_20
Choices = Mapping[str, Sequence[str]]


def choices_made() -> Choices:
    """What options of this job chose of other groups, and neither user nor experiment did."""
    job = HydraConfig.get()
    words = as_typed(job.overrides.task)
    loader = GlobalHydra.instance().config_loader()
    found = loader.compute_defaults_list(job.job.config_name, words, RunMode.RUN).overrides
    made: dict[str, list[str]] = {}
    for group, option in found.override_choices.items():
        by, _, name = str(found.override_metadata[group].containing_config_path).partition("/")
        by_user = group == "trainer" and any("trainer.precision=" in word for word in words)
        if by in CHOOSING and not by_user:
            made.setdefault(f"{by}={name}", []).append(f"{group}={option}")
    return made


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
