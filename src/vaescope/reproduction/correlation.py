"""Spearman's rank correlation with a bootstrap interval, also of what comes in groups."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from vaescope.streams import stream

DRAWS = 5000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation, -1 to 1, of n pairs, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    of: str = "sets"

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}), {self.n} {self.of}"


def rank_correlation(
    first: np.ndarray,
    second: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    of: str = "sets",
) -> RankCorrelation:
    """Spearman's correlation of two numbers of each set [n], with a bootstrap over the sets.

    Sets where either is no number are left out; nan of fewer than 3, or of equal ones.

    Args:
        first: numbers [n].
        second: numbers [n].
        groups: whole numbers [n]: the bootstrap draws groups, such as the seeds of one setting,
            which are no independent cases.
        of: what the n are, in words.

    Example:
        >>> str(rank_correlation(np.arange(10.0), np.arange(10.0) ** 3))
        '1.00 (1.00 to 1.00), 10 sets'
    """
    known = np.isfinite(first) & np.isfinite(second)
    x, y, n = first[known], second[known], int(known.sum())
    if n < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(np.nan, np.nan, np.nan, n, of)
    rng = stream(0, "rank correlation")
    if groups is None:
        drawn = _correlations(x, y, rng.integers(n, size=(DRAWS, n)))
    else:
        drawn = np.concatenate(
            [_correlations(x, y, rows) for rows in _drawn_groups(groups[known], rng)]
        )
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = float(_correlations(x, y, np.arange(n)[None])[0])
    return RankCorrelation(value, float(low), float(high), n, of)


def _drawn_groups(groups: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draws of whole groups as rows [R, m], those of one length at a time."""
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    draws = rng.integers(len(members), size=(DRAWS, len(members)))
    rows = [np.concatenate([members[group] for group in draw]) for draw in draws]
    for length in {len(each) for each in rows}:
        yield np.stack([each for each in rows if len(each) == length])


def _correlations(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Spearman's correlations of those draws of rows [R, n] in which both vary."""
    x, y = x[rows], y[rows]
    varied = (np.ptp(x, axis=1) > 0) & (np.ptp(y, axis=1) > 0)
    ranks = [stats.rankdata(of[varied], axis=1) for of in (x, y)]
    first, second = (each - each.mean(1, keepdims=True) for each in ranks)
    norms = np.square(first).sum(1) * np.square(second).sum(1)
    found: np.ndarray = (first * second).sum(1) / np.sqrt(norms)
    return found
