"""What a comparison draws beside its table: curves by group, effects of options, dots of seeds."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from markupsafe import Markup

from vaescope.errors import DataError
from vaescope.report.comparison.differences import (
    METHOD,
    differing_settings,
    is_data,
    short_name,
    text_of,
)
from vaescope.report.comparison.seed_groups import Group, Member, is_number, rank_of
from vaescope.report.html.charts import Axis, line_chart
from vaescope.report.html.tables import mean_and_std
from vaescope.report.run.series import Series
from vaescope.run_folder.metrics import Metrics, read_metrics
from vaescope.scores import name_of

MOST_RUNS = 40  # whose metrics.csv are read
MOST_LINES = 8  # of a chart: colours of the style sheet
MOST_CHARTS = 4
MOST_VALUES = 12  # of an option
COVERAGE = 0.95  # of an interval


def name_of_group(group: Group) -> str:
    """Method and what differs."""
    return " ".join(part for part in (group.method, group.label()) if part)


def _short_name(group: Group, several_methods: bool, several_data: bool) -> str:
    """At the end of a line there is little room; of other data their name says enough."""
    differs = {k: v for k, v in group.differs.items() if not (several_data and is_data(k))}
    own = [f"{key.rpartition('.')[2]}={value}" for key, value in differs.items()]
    own = [group.data] * several_data + own
    return " ".join([group.method] * (several_methods or not own) + own)


def dots(groups: Sequence[Group]) -> dict[str, Any]:
    """All scores of all seeds, for the page to draw any two against each other."""
    rows = [member.row for group in groups for member in group.members]
    keys = sorted({k for row in rows for k, v in row.items() if "/" in k and is_number(v)})
    return {
        "scores": [key.removeprefix("test/") for key in keys],
        "keys": keys,
        "panels": list(dict.fromkeys(group.panel for group in groups)),
        "groups": [
            {
                "name": name_of_group(group),
                "panel": group.panel,
                "seeds": [member.row["seed"] for member in group.members],
                "values": [[_short(member.value(key)) for member in group.members] for key in keys],
            }
            for group in groups
        ],
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def curves(groups: Sequence[Group], keys: Sequence[str]) -> tuple[list[Markup], str]:
    """A chart for each of the first scores over the updates, a line a group, and its caption."""
    read: list[tuple[Group, list[Metrics]]] = []
    for group in groups[:MOST_LINES]:
        folders = list(dict.fromkeys(member.run.folder for member in group.members))
        left = MOST_RUNS - sum(len(metrics) for _, metrics in read)
        if left > 0:
            read.append((group, [_metrics(folder) for folder in folders[:left]]))
    several = (len({g.method for g in groups}) > 1, len({g.data for g in groups}) > 1)
    charts = []
    for key in keys[:MOST_CHARTS]:
        drawn = [
            series.line(_short_name(group, *several), colour)
            for colour, (group, found) in enumerate(read)
            if (series := _series(found, key.replace("test/", "val/", 1)))
        ]
        if drawn:
            charts.append(line_chart(drawn, Axis(f"{name_of(key)} (validation)")))
    used, runs = len(read), sum(len(found) for _, found in read)
    every = len({member.run.folder for group in groups for member in group.members})
    cut = "" if runs == every else f" Of {every} runs the first {runs} in the table are drawn."
    return charts, f"Validation: mean over seeds, and their range, of {used} groups.{cut}"


def _metrics(folder: Path) -> Metrics:
    try:
        return read_metrics(folder)
    except DataError:  # the comparison is of final scores
        return {}


def _series(found: Sequence[Metrics], key: str) -> Series | None:
    values: dict[int, list[float]] = {}
    for metrics in found:
        for (step, _), row in metrics.items():
            if math.isfinite(row.get(key, math.nan)):
                values.setdefault(step, []).append(row[key])
    return Series.over_members(values) if values else None


def effects(groups: Sequence[Group], keys: Sequence[str]) -> list[dict[str, Any]]:
    """For each option in which models of the same data and updates differ: means by its values.

    Returns:
        By panel: ``rows`` of option, value, number of models, and a cell a score: the mean over all
        other options and seeds with half of its 95 % interval (Student's t).
    """
    tables = []
    for panel in dict.fromkeys(group.panel for group in groups):
        members = [m for group in groups if group.panel == panel for m in group.members]
        rows = []
        for option in differing_settings([member.settings for member in members]):
            if not is_data(option):
                rows += _by_value(option, members, keys)
        if rows:
            tables.append({"panel": panel, "rows": rows})
    return tables


def _by_value(option: str, members: Sequence[Member], keys: Sequence[str]) -> list[dict[str, Any]]:
    found: dict[Any, list[Member]] = {}
    for member in members:
        found.setdefault(member.settings.get(option), []).append(member)
    if not 2 <= len(found) <= MOST_VALUES or len(members) == len(found):
        return []
    name = "method" if option == METHOD else short_name(option)
    return [
        {
            "option": name,
            "value": "none" if value is None else text_of(option, value),
            "models": len(found[value]),
            "cells": [_mean_and_half([m.value(key) for m in found[value]]) for key in keys],
        }
        for value in sorted(found, key=rank_of)
    ]


def _mean_and_half(values: Sequence[float | None]) -> str:
    finite = [value for value in values if value is not None]
    if not finite:
        return ""
    half = half_of_interval(finite)
    return mean_and_std(fmean(finite), half)


def half_of_interval(values: Sequence[float]) -> float | None:
    """Half the 95 % interval of a mean, by Student's t; None of one value.

    Example:
        >>> round(half_of_interval([1.0, 2.0, 3.0]), 3)
        2.484
    """
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return None
    return float(stdtrit(n - 1, 0.5 + COVERAGE / 2)) * stdev(values) / math.sqrt(n)
