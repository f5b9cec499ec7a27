"""Claims about the cascade: order and thresholds of linear theory, and what a non-linear one adds.

Theory is that of the optimum: a latent is alive below 2 lambda_j, lambda_j the variance of the data
along its axis. A real run lags behind a beta that moves.
"""

from collections.abc import Iterable

import numpy as np
from scipy import stats

from vaescope.reproduction.cascade.sweeps import Sweep, ordered_deaths, sweeps_of
from vaescope.reproduction.claims import Claim, Measured, Part
from vaescope.reproduction.results import Results

TOLERANCE = 0.1  # of a threshold
LAW = 0.05  # of a share


def _sweep(results: Results, measured: Measured, model: str, way: str) -> Sweep | None:
    return sweeps_of(results, measured).get(model, {}).get(way)


def _thresholds(results: Results, measured: Measured, model: str, way: str) -> Iterable[Part]:
    """Whether each latent's mean threshold is within a tenth of 2 lambda_j, a part a latent."""
    sweep = _sweep(results, measured, model, way)
    if sweep is None:
        return
    each = zip(sweep.thresholds, sweep.in_reach, ordered_deaths(sweep), strict=True)
    for theory, is_alive, found in each:
        mean = float(found.mean())
        near = abs(mean / theory - 1) <= TOLERANCE if is_alive else not found.any()
        expected = f"{theory:.3g}" if is_alive else "never alive"
        told = f"{way}: {mean:.3g}, theory {expected} (n = {len(found)})"
        yield ("holds" if near else "fails"), told


def _order(results: Results, measured: Measured, model: str) -> Iterable[Part]:
    """Whether latents die in the order that the collapse statistic says before the first death."""
    sweep = _sweep(results, measured, model, "up")
    if sweep is None:
        return
    found, place = [], sweep.before_the_first
    for predicted, deaths in zip(sweep.predictions, sweep.deaths, strict=True):
        alive = (deaths > 0) & np.isfinite(deaths)
        if alive.sum() > 1:
            found.append(float(stats.kendalltau(predicted[alive], deaths[alive]).statistic))
    if found:
        told = f"Kendall's tau at beta = {sweep.betas[place]:.2g}: {np.mean(found):.2f}, "
        same = min(found) > 1 - 1e-9  # of rounding
        yield ("holds" if same else "fails"), f"{told}least {min(found):.2f}"


def _law(results: Results, measured: Measured) -> Iterable[Part]:
    """How far the share of signal is from 1 - beta / (2 lambda_j) on its way up."""
    sweep = _sweep(results, measured, "linear", "up")
    if sweep is not None:
        order = np.argsort(sweep.deaths, axis=1)
        shares = np.take_along_axis(sweep.shares, order[:, None, :], axis=2)
        law = sweep.law()
        error = float(np.abs(shares - law)[:, law > 0].mean())
        yield ("holds" if error <= LAW else "fails"), f"mean |share - theory| {error:.3f}"


def _gaps(results: Results, measured: Measured, model: str) -> list[tuple[float, float]]:
    """Of each latent that theory has alive, the mean threshold upward and downward."""
    ways = sweeps_of(results, measured).get(model, {})
    if len(ways) < 2:
        return []
    pairs = zip(*(ordered_deaths(ways[way]) for way in ("up", "down")), strict=True)
    means = [(float(up.mean()), float(down.mean())) for up, down in pairs]
    return [pair for pair, alive in zip(means, ways["up"].in_reach, strict=True) if alive]


def _no_hysteresis(results: Results, measured: Measured) -> Iterable[Part]:
    for up, down in _gaps(results, measured, "linear"):
        near = abs(up - down) <= TOLERANCE * (up + down) / 2
        yield ("holds" if near else "fails"), f"{up:.3g} up, {down:.3g} down"


def _first_to_return(results: Results, measured: Measured) -> Iterable[Part]:
    """The dead state of any VAE is stable above 2 lambda_1 and below it is not."""
    sweep = _sweep(results, measured, "nonlinear", "down")
    if sweep is not None:
        found = sweep.deaths.max(1)
        ratio = float(found.mean() / sweep.thresholds[-1])
        told = f"{found.mean():.3g} ± {found.std(ddof=1) if len(found) > 1 else 0:.2g}, theory "
        near = abs(ratio - 1) <= TOLERANCE
        yield ("holds" if near else "fails"), f"{told}{sweep.thresholds[-1]:.3g}"


CLAIMS: tuple[Claim, ...] = (
    (
        "Linear, beta rising: each latent dies at 2 lambda_j (10 %), one without an axis at once",
        lambda results, measured: _thresholds(results, measured, "linear", "up"),
    ),
    (
        "Linear, beta falling: each comes back there (10 %)",
        lambda results, measured: _thresholds(results, measured, "linear", "down"),
    ),
    ("Linear: there is no hysteresis, up and down differ by less than 10 %", _no_hysteresis),
    ("Linear: the share of signal is 1 - beta / (2 lambda_j), on average within 0.05", _law),
    (
        "Linear: statistics=collapse says the order of death before the first one",
        lambda results, measured: _order(results, measured, "linear"),
    ),
    (
        "Non-linear, beta falling: the first latent comes back at 2 lambda_1 (10 %)",
        _first_to_return,
    ),
    (
        "Non-linear: it says the order of death before the first one, too",
        lambda results, measured: _order(results, measured, "nonlinear"),
    ),
    (
        "Non-linear, beta rising: latents die at 2 lambda_j of the images' PCA (10 %)",
        lambda results, measured: _thresholds(results, measured, "nonlinear", "up"),
    ),
)
