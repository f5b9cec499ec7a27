"""95 % confidence intervals over seeds, of means and of their differences."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from vaescope.streams import stream

FEW = 10  # seeds below which a bootstrap's intervals are too short
DRAWS = 10_000


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of ``values [n]``: bootstrap; Student's t below 10 seeds."""
    if len(values) == 1:
        return -np.inf, np.inf
    if values.std() == 0:  # scipy has no interval of constants
        return float(values[0]), float(values[0])
    if len(values) < FEW:
        low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        return float(low), float(high)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=DRAWS,
        method="percentile",
        random_state=stream(seed, "bootstrap"),
    ).confidence_interval
    return float(found.low), float(found.high)


def difference(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Mean of a minus mean of b, with a 95 % interval: bootstrap; Welch's t below 10 seeds."""
    gap = float(a.mean() - b.mean())
    if min(len(a), len(b)) == 1:
        return gap, -np.inf, np.inf
    if a.std() == b.std() == 0:
        return gap, gap, gap
    if min(len(a), len(b)) < FEW:
        with np.errstate(all="ignore"):
            found = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    else:
        found = stats.bootstrap(
            (a, b),
            lambda x, y, axis: x.mean(axis) - y.mean(axis),
            n_resamples=DRAWS,
            method="percentile",
            random_state=stream(seed, "bootstrap difference"),
        ).confidence_interval
    return gap, float(found.low), float(found.high)


def agreement(values: np.ndarray, published: Sequence[float]) -> str:
    """How our mean compares with a printed ``[mean]`` or ``[mean, std]``, in a few words."""
    mean, *spread = published
    distance = abs(float(values.mean()) - mean)
    rounding = 0.005 if spread else 0.0005  # of the printed digits; shares have three
    if spread and distance <= spread[0] + rounding:
        return "within 1 std"
    if len(values) >= 5:  # fewer seeds have intervals in which almost anything lies
        low, high = interval(values)
        if low - rounding <= mean <= high + rounding:
            return "in our 95 % interval"
    if spread and spread[0]:
        return f"missed by {distance / spread[0]:.1f} std"
    return f"missed by {distance:.2g}"
