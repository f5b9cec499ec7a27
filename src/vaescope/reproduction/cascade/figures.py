"""The figure of the cascade: signal and number of living latents as beta rises and falls."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaescope.reproduction.cascade.sweeps import DEAD, DIRECTIONS, MODELS, Sweep, sweeps_of
from vaescope.reproduction.results import Results

CAPTION = (
    "Above: the share of each latent that is signal, Var(mu) / (Var(mu) + E sigma^2), a colour for "
    "each place in the order of death, a line for each seed; solid while beta rises, dashed while "
    "it falls; black what linear theory has, 1 - beta / (2 lambda_j). Below: how many latents have "
    "a share of at least 0.2 (the ICML paper's rule), mean over seeds, and what theory has: the "
    "companion of figure 5 of the CVPR paper. Dotted: 0.8 x 2 lambda_j."
)
STYLES = {"up": "-", "down": "--"}


def cascade_figure(results: Results, taken: Mapping[str, Any]) -> Figure | None:
    """Shares of signal and numbers of living latents against beta, a column for each model."""
    found = sweeps_of(results, taken)
    if not found:
        return None
    figure = Figure(figsize=(5.4 * len(found), 6.2), layout="constrained")
    axes = figure.subplots(2, len(found), squeeze=False, sharex="col")
    for (above, below), (model, sweeps) in zip(axes.T, found.items(), strict=True):
        above.set(title=MODELS[model], ylabel="share of signal", ylim=(-0.03, 1.03))
        below.set(xlabel="beta", ylabel=f"latents with a share of at least {DEAD}")
        for way in (way for way in DIRECTIONS if way in sweeps):
            _draw_shares(above, sweeps[way], STYLES[way])
            alive = (sweeps[way].shares >= DEAD).sum(2).mean(0)
            below.plot(sweeps[way].betas, alive, STYLES[way], color="C0", label=f"beta going {way}")
        some = next(iter(sweeps.values()))
        above.plot(some.betas, some.law(), "-", color="black", linewidth=0.6)
        theory = (some.law() >= DEAD).sum(1)
        below.step(some.betas, theory, where="mid", color="black", linewidth=0.6, label="theory")
        for threshold in some.thresholds[some.in_reach]:
            for axis in (above, below):
                axis.axvline((1 - DEAD) * threshold, color="black", linestyle=":", linewidth=0.6)
        below.yaxis.set_major_locator(MaxNLocator(integer=True))
        below.legend(frameon=False, fontsize=8)
    return figure


def _draw_shares(axis: Any, sweep: Sweep, style: str) -> None:
    order = np.argsort(sweep.deaths, axis=1)
    for seed, latents in zip(sweep.shares, order, strict=True):
        for place, latent in enumerate(latents):
            axis.plot(sweep.betas, seed[:, latent], style, color=f"C{place}", alpha=0.5, lw=0.9)
