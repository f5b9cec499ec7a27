"""Local axes over a data set: are they in the same order and direction at every point?"""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vaescope.alignment.orthogonality import right_singular_vectors
from vaescope.tensor_checks import check_squares, misfit


@dataclass(frozen=True)
class AxisConsistency:
    """How alike the local axes at two points are, on average."""

    direction: float  # mean |cosine| of matched axes, 0 to 1 (the same directions everywhere)
    direction_chance: float  # the same of axes with random directions
    order: float  # rank correlation of matched axes' places, -1 to 1 (the same order everywhere)


def axis_consistency(gram: Tensor, seed: int = 0) -> AxisConsistency:
    """Whether local axes have the same directions, and the same order, at different points.

    The axes at a point are the right singular vectors of the Jacobian there, the strongest first.
    Two points are compared by the one-to-one match of their axes with the largest sum of |cosine|,
    each point with the next one. What a local PCA finds near a point is global where both are 1.

    Args:
        gram: J^T J at each of N points [N, D, D], N and D at least 2; of whitened codes, so that
            no scale of a latent decides what is strong.
        seed: of the random axes.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, who see local PCA in a VAE.
    Differs: ours; the paper compares no two points.

    Example:
        >>> gram = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
        >>> found = axis_consistency(torch.stack([gram, gram.flip(0, 1)]))
        >>> found.direction, found.order
        (1.0, -1.0)
    """
    check_squares("gram", gram)
    if len(gram) < 2 or gram.shape[1] < 2:
        raise misfit("[N, D, D] with N and D at least 2", gram=gram)
    axes = right_singular_vectors(gram)[0].cpu()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(axes.shape, generator=generator, dtype=axes.dtype)
    direction, order = _matched(axes.mT @ axes.roll(1, 0))
    return AxisConsistency(direction, _matched(torch.linalg.qr(drawn).Q)[0], order)


def _matched(cosines: Tensor) -> tuple[float, float]:
    """Mean matched |cosine| and Spearman's correlation of the places, over [N, D, D]."""
    size, total, squares = cosines.shape[1], 0.0, 0
    for table in cosines.abs().clamp(max=1).numpy():
        first, second = linear_sum_assignment(table, maximize=True)
        total += float(table[first, second].mean())
        squares += int(((first - second) ** 2).sum())
    pairs = len(cosines)
    return total / pairs, 1 - 6 * squares / (pairs * size * (size**2 - 1))


def span_cosines(first: Tensor, second: Tensor) -> Tensor:
    """Cosines of the principal angles between two spans of columns, 0 (orthogonal) to 1 (shared).

    No invertible map of either set of columns changes them: of a decoder's and the factors'
    Jacobian they say whether images can move along the same directions, whatever the axes.

    Args:
        first: columns at each of N points [N, X, K].
        second: others [N, X, D].

    Returns:
        The min(K, D) cosines, the largest first [N, min(K, D)], float64; 0 for each dimension that
        a span lacks.

    Source: Bjorck & Golub 1973, https://doi.org/10.1090/S0025-5718-1973-0348991-3, from orthonormal
    bases. Differs: none.

    Example:
        >>> span_cosines(torch.eye(3)[None, :, :2], torch.eye(3)[None, :, 1:]).tolist()
        [[1.0, 0.0]]
    """
    if first.ndim != 3 or second.ndim != 3 or first.shape[:2] != second.shape[:2]:
        raise misfit("[N, X, K] and [N, X, D]", first=first, second=second)
    one, other = (_basis(columns.double()) for columns in (first, second))
    cosines = torch.linalg.svdvals(one.mT @ other).clamp(max=1)
    missing = min(first.shape[2], second.shape[2]) - cosines.shape[1]
    return torch.nn.functional.pad(cosines, (0, missing))


def _basis(columns: Tensor) -> Tensor:
    """Orthonormal columns of the same span; zeros for the dimensions that it lacks."""
    vectors, values, _ = torch.linalg.svd(columns, full_matrices=False)
    kept = values > 1e-9 * values[:, :1]
    return vectors.where(kept[:, None, :], 0.0)
