"""Symmetries of codes: exponentials of Lie algebra elements, and what is asked of how they act.

A codebook holds K elements for each of S sections, matrices ``[S, K, D, D]``; the exponential of
each acts on codes, and what it changes is its direction.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_SQUARINGS, _DEGREE = 6, 10
_LEAST_COSINE = 1e-9  # squared, below which its logarithm does not fall


def matrix_exponential(algebra: Tensor) -> Tensor:
    """The exponential of matrices ``[..., D, D]``, by a fixed number of products.

    That is why it is not torch's, which counts what it needs: here the host waits for no number.
    Relative error below 1e-9 for matrices of norm up to 16.

    Source: Moler & Van Loan 2003, https://doi.org/10.1137/S00361445024180, method 3, scaling and
    squaring of the Taylor series. Differs: none.

    Example:
        >>> matrix_exponential(torch.zeros(2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    scaled = algebra / 2**_SQUARINGS
    identity = torch.eye(algebra.shape[-1], dtype=algebra.dtype, device=algebra.device)
    total = identity.expand_as(algebra)
    for degree in range(_DEGREE, 0, -1):
        total = identity + scaled @ total / degree
    for _ in range(_SQUARINGS):
        total = total @ total
    return total


def acted_on(algebra: Tensor, z: Tensor) -> Tensor:
    """exp(A) z of elements A ``[..., D, D]`` and codes z ``[..., D]``."""
    return (matrix_exponential(algebra) @ z.unsqueeze(-1)).squeeze(-1)


def changes(codebook: Tensor, z: Tensor) -> Tensor:
    """Delta = z - exp(A) z of each element A of a codebook and each code ``[B, D]``.

    Returns:
        ``[S, K, B, D]``.
    """
    return z - z @ matrix_exponential(codebook).mT


def parallelism(delta: Tensor) -> Tensor:
    """Mean -log cos^2 between the directions of a section, scalar; 0: all are parallel.

    Args:
        delta: of each element and code ``[S, K, B, D]``.
    """
    directions = F.normalize(delta, dim=-1).flatten(1, 2)
    squared = (directions @ directions.mT).square()
    return -(squared + _LEAST_COSINE).log().mean()


def perpendicularity(delta: Tensor) -> Tensor:
    """Mean cos^2 of all pairs of directions, where those of one section count 0; scalar, 0 to 1.

    0: the sections' directions are perpendicular to one another. By sum cos^2 = |sum u u^T|^2 of
    directions u.
    """
    directions = F.normalize(delta, dim=-1).flatten(1, 2)
    moments = directions.mT @ directions / directions.shape[1]  # [S, D, D]
    apart = moments.sum(0).square().sum() - moments.square().sum()
    return apart / len(moments) ** 2


def sparsity(delta: Tensor) -> Tensor:
    """Mean (|Delta|^2 - max_d Delta_d^2)^2, scalar; 0: each change is along one latent."""
    squared = delta.square()
    return (squared.sum(-1) - squared.amax(-1)).square().mean()


def commutators(codebook: Tensor) -> Tensor:
    """Mean |A A' - A' A|^2 (Frobenius) over all pairs of elements, scalar; 0: they commute."""
    elements = codebook.flatten(0, 1)
    products = elements[:, None] @ elements
    return (products - products.transpose(0, 1)).square().sum((-2, -1)).mean()


def equivariance(algebra: Tensor, z: Tensor, other: Tensor) -> Tensor:
    """Mean squared distance of exp(A) z from z' and of exp(-A) z' from z, per latent, scalar.

    Args:
        algebra: A, between the two codes of each pair ``[B, D, D]``.
        z: the first codes ``[B, D]``.
        other: the second ones, z' ``[B, D]``.
    """
    forth, back = acted_on(algebra, z) - other, acted_on(-algebra, other) - z
    return forth.square().mean() + back.square().mean()
