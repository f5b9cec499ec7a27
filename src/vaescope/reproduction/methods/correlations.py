"""What goes with MIG over all runs, and which run one would take without a label."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from vaescope.reproduction.correlation import RankCorrelation, rank_correlation
from vaescope.reproduction.methods.measured import DTO, MIG, SCORES, Finished, Pooled, pooled

BOTH = "both, ranks within each"
# a run is taken by the largest of its sign times the score
LABEL_FREE = {"UDR": 1, "agreement": 1, DTO: -1, "Δ_KL": -1, "reconstruction": -1}


def with_mig(every: Sequence[Finished], score: str, *, over_pruned: bool = True) -> RankCorrelation:
    """Rank correlation of a score and MIG over runs of one set or more, ranked within each.

    Args:
        every: methods on sets.
        score: the other one.
        over_pruned: whether these runs are among them.
    """
    parts = []
    for data in dict.fromkeys(one.of.data for one in every):
        runs = pooled([one for one in every if one.of.data == data])
        parts.append(runs if over_pruned else runs.kept())
    first, second = (
        np.concatenate([_ranks(part, which, score) for part in parts]) for which in (score, MIG)
    )
    groups = np.concatenate([1000 * i + part.methods for i, part in enumerate(parts)])
    return rank_correlation(first, second, groups=groups, of="runs")


def _ranks(runs: Pooled, which: str, other: str) -> np.ndarray:
    """Ranks from 0 to 1 among the runs that have both scores; nan of the others."""
    values = runs.values[which]
    known = np.isfinite(values) & np.isfinite(runs.values[other]) & np.isfinite(runs.values[MIG])
    ranks = np.full(len(values), np.nan)
    ranks[known] = (stats.rankdata(values[known]) - 0.5) / max(1, known.sum())
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


def above(runs: Pooled, taken: int) -> float:
    """Share of the runs whose MIG is at most that of the one that was taken."""
    migs = runs.values[MIG]
    return float((migs <= migs[taken]).mean())


OTHERS = [score for score in SCORES if score != MIG]
