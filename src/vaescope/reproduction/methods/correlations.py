"""What goes with MIG over all runs, and which run one would take without a label."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from vaescope.reproduction.correlation import RankCorrelation, rank_correlation
from vaescope.reproduction.methods.measured import DTO, MIG, Finished, Pooled, pooled

# a run is taken by the largest of its sign times the score
LABEL_FREE = {"UDR": 1, "agreement": 1, DTO: -1, "Δ_KL": -1, "reconstruction": -1}


def correlated(
    every: Sequence[Finished], score: str, target: str = MIG, *, over_pruned: bool = True
) -> RankCorrelation:
    """Rank correlation of two scores over runs of one set or more, ranked within each.

    Args:
        every: methods on sets.
        score: one of them.
        target: the other one.
        over_pruned: whether these runs are among them.
    """
    pairs, groups = [], []
    for number, data in enumerate(dict.fromkeys(one.of.data for one in every)):
        runs = pooled([one for one in every if one.of.data == data])
        runs = runs if over_pruned else runs.kept()
        pairs.append(_ranks(runs.values[score], runs.values[target]))
        groups.append(1000 * number + runs.methods)
    first, second = np.concatenate(pairs, axis=1)
    return rank_correlation(first, second, groups=np.concatenate(groups), of="runs")


def _ranks(*scores: np.ndarray) -> np.ndarray:
    """Ranks from 0 to 1 among the runs that have both scores ``[2, n]``; nan of the others."""
    values = np.stack(scores)
    known = np.isfinite(values).all(0)
    ranks = np.full(values.shape, np.nan)
    ranks[:, known] = (stats.rankdata(values[:, known], axis=1) - 0.5) / max(1, known.sum())
    return ranks


def explained(runs: Pooled) -> float:
    """Share of the variance of MIG over runs that lies between methods, omega squared, at most 1.

    0 or less: no more than the seeds alone make of it; nan of fewer than two methods or seeds.

    Source: Hays 1963, of a one-way analysis of variance.
    """
    migs, methods = runs.values[MIG], np.unique(runs.methods, return_inverse=True)[1]
    counts = np.bincount(methods)
    if len(counts) < 2 or len(migs) == len(counts):
        return np.nan
    means = np.bincount(methods, migs) / counts
    within = float(np.square(migs - means[methods]).sum()) / (len(migs) - len(counts))
    between = float((counts * np.square(means - migs.mean())).sum())
    whole = float(np.square(migs - migs.mean()).sum())
    return (between - (len(counts) - 1) * within) / (whole + within) if whole else np.nan


def taken(runs: Pooled) -> Iterator[tuple[str, int]]:
    """For every label-free score the run that it takes."""
    for score, sign in LABEL_FREE.items():
        values = sign * runs.values[score]
        if np.isfinite(values).any():
            yield score, int(np.nanargmax(values))


def not_above(runs: Pooled, run: int, score: str) -> float:
    """Share of the runs whose score is at most this run's, the run itself among them."""
    values = runs.values[score]
    return float((values <= values[run]).mean())
