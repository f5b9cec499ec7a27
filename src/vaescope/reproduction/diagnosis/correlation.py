"""Rank correlation of what was predicted of sets and what was measured on them."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from vaescope.streams import stream

DRAWS = 5000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation, -1 to 1, over n sets, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}), {self.n} sets"


def rank_correlation(predicted: np.ndarray, measured: np.ndarray) -> RankCorrelation:
    """Spearman's correlation of two numbers of each set [n], with a bootstrap over the sets.

    Sets where either is no number are left out; nan of fewer than 3, or of equal ones.

    Example:
        >>> str(rank_correlation(np.arange(10.0), np.arange(10.0) ** 3))
        '1.00 (1.00 to 1.00), 10 sets'
    """
    known = np.isfinite(predicted) & np.isfinite(measured)
    x, y, n = predicted[known], measured[known], int(known.sum())
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(np.nan, np.nan, np.nan, n)
    rows = stream(0, "rank correlation").integers(n, size=(DRAWS, n))
    low, high = np.quantile(_correlations(x[rows], y[rows]), [0.025, 0.975])
    return RankCorrelation(float(_correlations(x[None], y[None])[0]), float(low), float(high), n)


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's correlations of those rows [R, n] in which both vary."""
    varied = (np.ptp(x, axis=1) > 0) & (np.ptp(y, axis=1) > 0)
    ranks = [stats.rankdata(of[varied], axis=1) for of in (x, y)]
    first, second = (each - each.mean(1, keepdims=True) for each in ranks)
    norms = np.square(first).sum(1) * np.square(second).sum(1)
    found: np.ndarray = (first * second).sum(1) / np.sqrt(norms)
    return found
