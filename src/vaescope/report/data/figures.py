"""Pictures of a data set, as png files in text, and plots."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.escaping import for_figure
from vaescope.report.data.factor_traversals import Traversal
from vaescope.report.data.numbers import NUISANCE, FactorDistance, PixelStatistics
from vaescope.report.figures import sheet_png
from vaescope.report.html.render import png_uri

_MAPS = {"circular": "twilight_shifted", "categorical": "tab10"}
_NUM_DIMENSIONS, _NUM_POINTS, _NUM_ENTRIES = 5, 2000, 8
_COLOURS = (("#c9372c", "red"), ("#2e8b3d", "green"), ("#2f7fd0", "blue"))


def picture_grid(images: Tensor, replaced: np.ndarray | None = None) -> str:
    """Images `[R, S, C, H, W]` in [0, 1] in one bitmap, small ones enlarged by whole numbers.

    Args:
        images: grey, in colour, or of other channels, see ``drawable``.
        replaced: which get a red frame, bool `[R, S]`.

    Returns:
        A data URI.
    """
    return png_uri(sheet_png(images, math.ceil(64 / max(images.shape[-2:])), replaced))


def moments_figure(statistics: PixelStatistics) -> Figure:
    """Mean of each pixel, of three channels in colour, and standard deviation, mean of channels."""
    mean, std = statistics.mean_image, statistics.std_image.mean(0)
    figure = Figure(figsize=(2.9, 5), layout="constrained")
    upper, lower = figure.subplots(2)
    if len(mean) == 3:
        upper.imshow(mean.permute(1, 2, 0).clamp(0, 1).numpy())
    else:
        figure.colorbar(upper.imshow(mean.mean(0).numpy(), cmap="gray"), ax=upper)
    figure.colorbar(lower.imshow(std.numpy(), cmap="magma", vmin=0), ax=lower)
    for axis, title in ((upper, "mean"), (lower, "standard deviation")):
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    return figure


def histogram_figure(statistics: PixelStatistics) -> Figure:
    """Share of pixels by value, on a logarithmic scale."""
    counts = statistics.histogram
    assert counts is not None
    figure, axis = _panel(7.5, 2.4)
    shares = counts / counts.sum(1, keepdims=True)
    several = [(f"C{c % 10}", f"channel {c + 1}") for c in range(len(counts))]
    lines = {1: (("0.3", "grey"),), 3: _COLOURS}.get(len(counts), several)
    edges = (np.arange(257) - 0.5) / 255
    for share, (colour, label) in zip(shares, lines, strict=True):
        axis.stairs(share, edges, color=colour, label=label, fill=len(counts) == 1, linewidth=0.8)
    smallest = shares[shares > 0].min()
    axis.set(xlabel="pixel value", ylabel="share of pixels", yscale="log", xlim=(-0.02, 1.02))
    axis.set_ylim(smallest / 2, 1.5)
    if len(counts) > 1:
        axis.legend(frameon=False, fontsize=8)
    return figure


def distance_figure(
    distances: Mapping[str, FactorDistance],
    sizes: Mapping[str, int],
    random_pair: float | None,
    unit: str,
) -> Figure | None:
    """Curves of distance over the difference, and neighbours compared with random pairs."""
    known = {name: d for name, d in distances.items() if d.neighbours is not None}
    if not known:
        return None
    ordered = {n: d for n, d in known.items() if d.kind not in ("categorical", NUISANCE)}
    colours = {name: f"C{number % 10}" for number, name in enumerate(known)}
    figure = Figure(figsize=(9, max(3.4, 1.1 + 0.33 * len(known))), layout="constrained")
    *left, right = figure.subplots(1, 1 + bool(ordered), squeeze=False)[0]
    lengths = [distance.neighbours or 0 for distance in known.values()]
    right.barh([for_figure(name) for name in known], lengths, color=list(colours.values()))
    right.invert_yaxis()
    label = f"mean squared difference per {unit}"
    right.set_xlabel(f"{label}, neighbours")
    if random_pair is not None:
        right.axvline(random_pair, color="black", linestyle=":", linewidth=1)
    for axis in left:
        for name, distance in ordered.items():
            whole = max(sizes[name] - 1, 1) if distance.kind != "circular" else sizes[name]
            shares = [step / whole for step in distance.steps]
            values: list[Any] = [np.nan if d is None else d for d in distance.distances]
            axis.plot(shares, values, marker=".", color=colours[name], label=for_figure(name))
        axis.set_xlabel("difference of the factor, share of its range")
        highest = max(value or 0 for d in ordered.values() for value in d.distances)
        if random_pair is not None and random_pair < 3 * highest:  # else all curves lie flat
            axis.axhline(random_pair, color="black", ls=":", lw=1, label="random pairs")
        axis.set(ylabel=label, xlim=(0, None), ylim=(0, None))
        axis.legend(frameon=False, fontsize=7)
    for axis in (*left, right):
        _tidy(axis)
    return figure


def traversal_figure(traversal: Traversal) -> Figure:
    """Vectors: the first entries over the factor's values, a panel for each base point."""
    num_bases, _, num_entries = traversal.images.shape
    figure = Figure(figsize=(3 * num_bases, 2.2), layout="constrained")
    axes = figure.subplots(1, num_bases, sharey=True, squeeze=False)[0]
    for axis, lines in zip(axes, traversal.images[:, :, :_NUM_ENTRIES], strict=True):
        axis.plot(traversal.values, lines, "o" if traversal.kind == "categorical" else "-")
        axis.set_xlabel(for_figure(traversal.name))
        _tidy(axis)
    axes[0].set_ylabel("entries")
    names = [f"x{entry + 1}" for entry in range(min(num_entries, _NUM_ENTRIES))]
    axes[-1].legend(names, frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def scatter_figure(vectors: Tensor, colour: np.ndarray | None, title: str, kind: str) -> Figure:
    """Scatter matrix of the first entries of vectors `[N, X]`, coloured by a value of each."""
    points = vectors[:_NUM_POINTS, :_NUM_DIMENSIONS].numpy()
    side = points.shape[1]
    colour = None if colour is None else colour[:_NUM_POINTS]
    colours = None if colour is None else _MAPS.get(kind, "viridis")
    figure = Figure(figsize=(1.1 + 1.35 * side, 0.6 + 1.35 * side), layout="constrained")
    axes = figure.subplots(side, side, sharex="col", squeeze=False)
    for row in range(side):
        for column in range(side):
            axis = axes[row, column]
            if row == column:
                axis.hist(points[:, row], bins=30, color="0.75")
                axis.set_yticks([])
            elif row > column:
                x, y = points[:, column], points[:, row]
                shown = axis.scatter(x, y, c=colour, cmap=colours, s=3, linewidths=0)
            else:
                axis.set_axis_off()
            axis.tick_params(labelsize=6)
            if row == side - 1:
                axis.set_xlabel(f"x{column + 1}", fontsize=8)
            if column == 0 and row:
                axis.set_ylabel(f"x{row + 1}", fontsize=8)
            _tidy(axis)
    if colour is not None and side > 1:
        figure.colorbar(shown, ax=axes, shrink=0.6, aspect=30)
    figure.suptitle(for_figure(title), fontsize=10)
    return figure


def joint_figure(dependence: Mapping[str, Any], factors: Factors) -> Figure:
    """Heat map of the joint frequency of the two factors that depend most on each other."""
    joint = np.array(dependence["joint"])
    names = dependence["largest_mutual_information"]["factors"]
    sizes = [factors.sizes[factors.names.index(name)] for name in names]  # 0: bins of [0, 1]
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axis = figure.subplots()
    (left, right), (low, high) = [(-0.5, n - 0.5) if n else (0.0, 1.0) for n in sizes]
    shown = axis.imshow(joint.T, extent=(left, right, low, high), origin="lower", cmap="magma")
    shown.set_interpolation("nearest")
    axis.set_aspect("auto")
    axis.set(xlabel=for_figure(names[0]), ylabel=for_figure(names[1]))
    for side, size in zip((axis.xaxis, axis.yaxis), sizes, strict=True):
        side.set_major_locator(MaxNLocator(integer=size > 0))
    shown.set_clim(0, None)
    figure.colorbar(shown, ax=axis, label="share of the images")
    return figure


def tuples_figure(vectors: Tensor) -> Figure:
    """Vectors that belong together `[T, G, X]`, joined by lines: their first two entries."""
    figure, axis = _panel(4.5, 4)
    for points in vectors[:, :, :2].numpy():
        axis.plot(points[:, 0], points[:, -1], marker=".", linewidth=0.8)
    axis.set(xlabel="x1", ylabel="x2")
    return figure


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    _tidy(axis)
    return figure, axis


def _tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
