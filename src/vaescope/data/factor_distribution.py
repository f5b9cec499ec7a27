"""How the factors are distributed in training, and how much they say about each other."""

from itertools import combinations
from typing import Any

import numpy as np
from torch import Tensor

from vaescope.data.factors import Factors

BINS = 20  # of a continuous factor


def factor_statistics(values: Tensor, weights: Tensor, factors: Factors) -> dict[str, Any]:
    """Entropy of every factor and mutual information of every two, in nats, exact.

    Args:
        values: factor values of the training rows `[N, K]`; continuous ones are put into 20 equal
            bins of [0, 1].
        weights: how often training shows each row `[N]`, at least 0 and not all 0.
        factors: what the rows are values of.

    Returns:
        ``entropy``: by name; ``mutual_information``: symmetric `[K][K]` in the order of the
        factors, their entropies on the diagonal; ``largest_mutual_information``: ``factors``, two
        names, and ``nats``, where there are two factors.
    """
    share = (weights.double() / weights.double().sum()).cpu().numpy()
    codes = [value_codes(values[:, k].cpu(), size) for k, size in enumerate(factors.sizes)]
    entropies = [_entropy(code, share) for code in codes]
    information = np.diag(entropies)
    for a, b in combinations(range(len(factors)), 2):
        joint = _entropy(codes[a] * (codes[b].max() + 1) + codes[b], share)
        information[a, b] = information[b, a] = max(entropies[a] + entropies[b] - joint, 0.0)
    found: dict[str, Any] = {
        "entropy": dict(zip(factors.names, entropies, strict=True)),
        "mutual_information": information.tolist(),
    }
    if len(factors) > 1:
        apart = np.triu(information, 1)
        pair = np.unravel_index(apart.argmax(), apart.shape)
        names = [factors.names[position] for position in pair]
        found["largest_mutual_information"] = {"factors": names, "nats": float(apart[pair])}
    return found


def value_codes(column: Tensor, size: int) -> np.ndarray:
    """Values, or bins of continuous values, of one factor of ``size`` values, int64 `[N]`."""
    if size:
        return column.long().numpy()
    return (column.double() * BINS).floor().long().clamp(0, BINS - 1).numpy()


def _entropy(codes: np.ndarray, share: np.ndarray) -> float:
    """Entropy in nats of codes `[N]` that have these shares `[N]`."""
    _, codes = np.unique(codes, return_inverse=True)  # a table of all codes may be huge
    probability = np.bincount(codes, share)
    probability = probability[probability > 0]
    return max(float(-(probability * np.log(probability)).sum()), 0.0)  # rounding may fall below
