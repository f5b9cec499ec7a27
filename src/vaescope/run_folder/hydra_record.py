"""Hydra's record of a run: which options were chosen, which words were typed, in which sweep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vaescope.config.loading import read_settings
from vaescope.errors import DataError
from vaescope.run_folder.contents import HYDRAS


@dataclass(frozen=True)
class HydraRecord:
    """What was said on the command line of a run; all empty where there is no record."""

    choices: Mapping[str, str] = field(default_factory=dict)  # option of each group that has one
    words: tuple[str, ...] = ()  # overrides, in their order
    sweep: str = ""  # name of the sweep's folder, if it is a job of one


def read_hydra_record(folder: Path) -> HydraRecord:
    """The record in a run's folder."""
    sweep = next((p.name for p in folder.parents if (p / "multirun.yaml").is_file()), "")
    try:
        hydra = read_settings(folder / HYDRAS / "hydra.yaml")["hydra"]
        chosen, words = hydra["runtime"]["choices"], hydra["overrides"]["task"]
        choices = {group: str(option) for group, option in chosen.items() if option}
        return HydraRecord(choices, tuple(map(str, words)), sweep)
    except (DataError, KeyError, TypeError, AttributeError):
        return HydraRecord(sweep=sweep)
