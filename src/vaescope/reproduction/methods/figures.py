"""Figures: MIG of every method, and MIG against the distance to orthogonality."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaescope.reproduction.methods.correlations import correlated
from vaescope.reproduction.methods.measured import DTO, MIG, Finished, finished
from vaescope.reproduction.methods.names import PAIRS, POINT, SETS
from vaescope.reproduction.results import Results

BARS = (
    "Mean MIG of each method, a dot a seed; hollow: an over-pruned seed, with fewer active latents "
    "than factors vary. Orange with a star: taught by pairs of images; grey: no posterior variance."
)
SCATTER = (
    "One point a run: distance to orthogonality of active latents over its chance level, and MIG; "
    "hollow: over-pruned. Orange: taught by pairs of images; grey: no posterior variance."
)


def bars_figure(results: Results, _: Mapping[str, Any]) -> Figure | None:
    """MIG of every method, one column of bars for each set."""
    sets = _by_set(results)
    if not sets:
        return None
    longest = max(map(len, sets.values()))
    figure = Figure(figsize=(5.2 * len(sets), 1.2 + 0.24 * longest), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False)[0]
    for axis, (title, every) in zip(axes, sets.items(), strict=True):
        rising = sorted(every, key=lambda one: one.mean(MIG))
        for place, one in enumerate(rising):
            migs = one.values(MIG)
            axis.barh(place, one.mean(MIG), color=_colour(one), alpha=0.45)
            _dots(axis, migs, np.full(len(migs), place), one)
        axis.set(xlabel=MIG, title=title)
        axis.set_yticks(range(len(rising)), [one.of.title for one in rising], fontsize=8)
        axis.set_xlim(left=0)
        axis.margins(y=0.01)
    return figure


def scatter_figure(results: Results, _: Mapping[str, Any]) -> Figure | None:
    """MIG of all runs against DtO / chance, one panel for each set."""
    sets = _by_set(results)
    if not sets:
        return None
    figure = Figure(figsize=(5.2 * len(sets), 4.6), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False)[0]
    for axis, (title, every) in zip(axes, sets.items(), strict=True):
        for one in every:
            _dots(axis, one.values(DTO), one.values(MIG), one)
        axis.axvline(1, color="black", linewidth=0.6, linestyle=":")
        axis.set(xlabel=DTO, ylabel=MIG)
        axis.set_title(f"{title}: rank correlation {correlated(every, DTO)}", fontsize=9)
    return figure


def _by_set(results: Results) -> dict[str, list[Finished]]:
    every = list(finished(results))
    found = {SETS[data]: [one for one in every if one.of.data == data] for data in SETS}
    return {title: here for title, here in found.items() if here}


def _colour(one: Finished) -> str:
    return "C1" if one.of.method in PAIRS else "grey" if one.of.method in POINT else "C0"


def _dots(axis: Any, x: np.ndarray, y: np.ndarray, one: Finished) -> None:
    colour = _colour(one)
    faces = ["none" if pruned else colour for pruned in one.over_pruned]
    axis.scatter(x, y, s=18, facecolors=faces, edgecolors=colour, linewidths=0.8, zorder=3)
