"""Figures of a comparison: a strip of seeds beside each mean, MIG against DtO of all runs."""

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaescope.escaping import for_figure
from vaescope.report.comparison.rows import AGAINST_MIG, FEWEST, correlations, points
from vaescope.report.comparison.seed_groups import Group

# Okabe and Ito's colours, which differ for all kinds of colour vision; then other markers
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH, HEIGHT, MARGIN = 96, 14, 4  # pixels of a strip


def strip(
    values: Sequence[tuple[int, float]],
    ends: tuple[float, float],
    chance: float | None,
    scale: tuple[float, float],
) -> str:
    """Seeds of one group as dots, over a bar of mean ± std; a dashed line at chance.

    Args:
        values: seed and score.
        ends: of the bar.
        chance: level of chance, if there is one.
        scale: scores at the left and the right end of the strip.

    Returns:
        SVG.
    """
    low, high = scale
    width = high - low

    def x(value: float) -> str:
        share = (value - low) / width if width > 0 else 0.5
        return f"{MARGIN + share * (WIDTH - 2 * MARGIN):.1f}"

    middle, mean = HEIGHT / 2, sum(ends) / 2
    told = escape("; ".join(f"seed {seed}: {value:.4g}" for seed, value in values))
    dashed = f'<path class="chance" d="M{x(chance)} 0V{HEIGHT}"/>' if chance is not None else ""
    dots = "".join(f'<circle cx="{x(value)}" cy="{middle}" r="2.2"/>' for _, value in values)
    return (
        f'<svg class="strip" width="{WIDTH}" height="{HEIGHT}" role="img"><title>{told}</title>'
        f'<path class="axis" d="M0 {middle}H{WIDTH}"/>{dashed}'
        f'<path class="std" d="M{x(ends[0])} {middle}H{x(ends[1])}"/>{dots}'
        f'<path class="mean" d="M{x(mean)} 1V{HEIGHT - 1}"/></svg>'
    )


def scatter(groups: Sequence[Group]) -> Figure | None:
    """MIG against DtO of active latents: a dot a run, a row for each data and number of updates.

    Rows of fewer than five runs are left out; None if that leaves none.
    """
    every = {key: correlations(groups, key) for key in AGAINST_MIG}
    found = {k: told for k, told in every.items() if any(n >= FEWEST for _, n in told.values())}
    panels = list(dict.fromkeys(p for told in found.values() for p in told if told[p][1] >= FEWEST))
    if not panels:
        return None
    size = len(COLOURS)
    styles = {  # marker and colour; 49 are told apart
        id(group): (MARKERS[(number + number // size) % size], COLOURS[number % size])
        for number, group in enumerate(groups)
    }
    heights = [max(3.4, 0.7 + 0.26 * sum(g.panel == panel for g in groups)) for panel in panels]
    figure = Figure(figsize=(3.2 + 3.8 * len(found), sum(heights)), layout="constrained")
    parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, panel in zip(parts, panels, strict=True):
        part.suptitle(for_figure(panel), fontsize=10)
        axes = part.subplots(1, len(found), squeeze=False, sharey="row")[0]
        inside = [group for group in groups if group.panel == panel]
        for axis, (key, told) in zip(axes, found.items(), strict=True):
            _dots(axis, inside, key, styles)
            r, n = told[panel]
            axis.set(xlabel=AGAINST_MIG[key], title=f"n = {n}" if r is None else shown(r, n))
            axis.title.set_fontsize(9)
        axes[0].set_ylabel("MIG")
        handles = max(axes, key=lambda axis: len(axis.collections)).get_legend_handles_labels()
        where = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axes[-1].legend(*handles, frameon=False, fontsize=7, **where)
    return figure


def shown(r: float, n: int) -> str:
    """``r = −0.95 (n = 10)``."""
    return f"r = {r:.2f} (n = {n})".replace("-", "−")


def _dots(
    axis: Axes, groups: Sequence[Group], key: str, styles: Mapping[int, tuple[str, str]]
) -> None:
    for group in groups:
        if both := points(group, key):
            marker, colour = styles[id(group)]
            label = " ".join(part for part in (group.method, group.label()) if part)
            x, y = zip(*both, strict=True)
            axis.scatter(x, y, s=26, marker=marker, c=colour, label=for_figure(fill(label, 44)))
