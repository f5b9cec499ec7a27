"""The scatter of predicted and measured MIG, one point a set."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vaescope.reproduction.correlation import rank_correlation
from vaescope.reproduction.diagnosis.sets import ASIDE, DiagnosedSet, diagnosed_sets
from vaescope.reproduction.results import Results

CAPTION = (
    "One point a set: MIG as predicted before training, with its 95 % interval over points, and as "
    "measured, mean and standard deviation over seeds. Open: sets that had no part in the choice "
    "of the predictor. Dotted: equality."
)
COLOURS = {"linear": "C0", "nonlinear": "C0", "moebius": "C1", "orthogonal": "C2", "mlp": "C3"}
COLOURS |= {"panels": "C4", "entangled": "C5", "aligned": "C6", "xy": "C7"}


def scatter_figure(results: Results, _: Mapping[str, Any]) -> Figure | None:
    """Predicted against measured MIG."""
    sets = diagnosed_sets(results)
    if len(sets) < 2:
        return None
    figure = Figure(figsize=(8.2, 6.2), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], "k:", linewidth=1)
    for one in sets:
        _draw(axis, one)
    title = f"{len(sets)} sets"
    if len(sets) >= 5:
        pairs = np.array([(one.found["mig"], one.mean("MIG")) for one in sets])
        title = f"Spearman's rank correlation {rank_correlation(*pairs.T)}"
    axis.set(xlabel="MIG predicted before training", ylabel="MIG of beta-VAEs", title=title)
    axis.set(xlim=(-0.02, 1.1), ylim=(-0.02, 1))
    return figure


def _draw(axis: Any, one: DiagnosedSet) -> None:
    x, y, (low, high) = one.found["mig"], one.mean("MIG"), one.found["mig_interval"]
    values = one.measured["MIG"]
    colour = COLOURS.get(one.name.partition("_")[0], "C8")
    axis.errorbar(
        x,
        y,
        xerr=[[max(0.0, x - low)], [max(0.0, high - x)]],
        yerr=values.std(ddof=1) if len(values) > 1 else None,
        fmt="o",
        markersize=5,
        color=colour,
        markerfacecolor="white" if one.name in ASIDE else colour,
        linewidth=0.8,
    )
    axis.annotate(
        one.name, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7, parse_math=False
    )
