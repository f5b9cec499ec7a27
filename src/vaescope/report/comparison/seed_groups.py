"""Means over seeds: runs that differ in nothing else, put together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from vaescope.report.comparison.differences import (
    DATA,
    METHOD,
    Settings,
    SettingsInUse,
    chosen_keys,
    is_data,
    own_settings,
    short_name,
    text_of,
)
from vaescope.run_folder.runs import FoundRun


@dataclass(frozen=True)
class Member:
    """One seed of one run: its row of ``scores.json`` and the settings that it was made with."""

    run: FoundRun
    row: Mapping[str, Any]
    settings: Settings

    def value(self, key: str) -> float | None:
        """A score; None if the row has none, or one that is no finite number."""
        value: Any = self.row.get(key)
        return float(value) if is_number(value) and math.isfinite(value) else None


@dataclass(frozen=True)
class Measured:
    """A score of several seeds: mean, sample standard deviation (None of one), each by seed."""

    mean: float
    std: float | None
    values: Sequence[tuple[int, float]]

    @property
    def ends(self) -> tuple[float, float]:
        """A standard deviation below and above the mean."""
        return self.mean - (self.std or 0.0), self.mean + (self.std or 0.0)

    @property
    def n(self) -> int:
        """Number of seeds that have it."""
        return len(self.values)


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed, or in nothing that ``group_by`` names.

    Attributes:
        method: class of the model.
        data: class of the data set.
        updates: that its runs have had.
        differs: settings in which it is not like all other groups, by short name.
        pooled: values of settings over which ``group_by`` has it averaged, by short name.
        members: its seeds.
        place: the data, with the settings in which groups' observations differ.
    """

    method: str
    data: str
    updates: int
    differs: Mapping[str, str]
    pooled: Mapping[str, Sequence[str]]
    members: Sequence[Member]
    place: str

    @property
    def panel(self) -> str:
        """Name of the groups measured on the same data after as many updates."""
        return f"{self.place}, {self.updates:,} updates"

    def measured(self, key: str) -> Measured | None:
        """A score over the seeds that have it; None if none has."""
        found = [
            (m.row["seed"], value) for m in self.members if (value := m.value(key)) is not None
        ]
        if not found:
            return None
        values = [value for _, value in found]
        return Measured(fmean(values), stdev(values) if len(values) > 1 else None, found)

    def label(self) -> str:
        """What differs, in one line."""
        own = [f"{name}={value}" for name, value in self.differs.items()]
        over = [f"over {name}={', '.join(values)}" for name, values in self.pooled.items()]
        return "; ".join(part for part in (" ".join(own), *over) if part)


def groups_of(
    members: Sequence[Member], keys: Sequence[str], group_by: Sequence[str] | None
) -> list[Group]:
    """Members by what tells groups apart.

    Args:
        members: all, each seed once.
        keys: settings in which they differ.
        group_by: settings that tell groups apart; None: all. Other data and another number of
            updates do so in any case.

    Returns:
        Groups in the order of their first members.
    """
    every = [member.settings for member in members]
    chosen = set(keys) if group_by is None else chosen_keys(group_by, every)
    own = [key for key in keys if key in chosen or is_data(key)]
    over = [key for key in keys if key not in own]
    found: dict[tuple[Any, ...], list[Member]] = {}
    for member in members:
        values = (member.settings.get(key) for key in own)
        found.setdefault((member.row["step"], *values), []).append(member)
    in_use = SettingsInUse(own, every)
    return [_group(inside, own, over, in_use) for inside in found.values()]


def _group(
    inside: Sequence[Member], own: Sequence[str], over: Sequence[str], in_use: SettingsInUse
) -> Group:
    first = inside[0]
    methods = list(dict.fromkeys(member.row["model"] for member in inside))
    pooled = {}
    for key in over:
        values = sorted({member.settings.get(key) for member in inside}, key=rank_of)
        if len(values) > 1 and key != METHOD:
            pooled[short_name(key)] = [text_of(key, value) for value in values]
    mine, data, updates = first.settings, str(first.row["data"]), int(first.row["step"])
    special = [  # other observations of the same data set; a view only puts them together
        f"{key}={text_of(key, mine[key])}"
        for key in own
        if is_data(key) and not key.startswith("data.view") and mine.get(key) is not None
        if in_use.vary_within(key, DATA, mine)
    ]
    differs, place = own_settings(mine, own, in_use), ", ".join([data, *special])
    return Group(", ".join(methods), data, updates, differs, pooled, inside, place)


def rank_of(value: Any) -> tuple[int, float, str]:
    """A place among values of any kind: nothing, numbers, the rest by its text."""
    if value is None:
        return (0, 0.0, "")
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))


def is_number(value: Any) -> bool:
    """Whether a value of a row is a score: no text, no yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool)
