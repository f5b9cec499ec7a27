"""Matrices of a chosen IMA contrast: columns of length 1 and equal cosines between them.

The Gram matrix is (1 - rho) I + rho 1 1^T. What is passed around is 1 - rho, 1 (orthogonal) to
nearly 0 (parallel), which keeps its digits where the columns are nearly parallel.
"""

import math

import numpy as np


def oblique_matrix(c_ima: float, dim: int) -> np.ndarray:
    """Symmetric matrix `[dim, dim]`, columns of length 1 and equal cosines, of contrast ``c_ima``.

    Args:
        c_ima: at least 0.
        dim: at least 2.
    """
    return equal_cosines(obliqueness(c_ima, np.ones((1, dim))), dim)


def equal_cosines(complement: float, dim: int) -> np.ndarray:
    """Symmetric matrix `[dim, dim]` of columns of length 1 and cosines 1 - ``complement``."""
    across, along = math.sqrt(complement), math.sqrt(complement + dim * (1 - complement))
    return across * np.eye(dim) + (along - across) / dim


def obliqueness(c_ima: float, sums: np.ndarray) -> float:
    """1 - rho for which B O has the mean contrast ``c_ima``, B the matrix of equal cosines rho.

    With the sums v = O^T 1, the Gram matrix of B O is (1 - rho) I + rho v v^T.

    Args:
        c_ima: at least 0.
        sums: of each column of each O, whose columns are orthonormal `[N, d]`, d at least 2; the
            mean is over the N.

    Returns:
        A number in (0, 1]; 1 for a contrast of 0.

    The contrast is that of Gresele et al. 2021, https://arxiv.org/abs/2106.05200.
    """
    from scipy.optimize import brentq

    if c_ima == 0:
        return 1.0
    squares = np.square(sums)

    def excess(depth: float) -> float:
        complement, rho = math.exp(-depth), -math.expm1(-depth)
        lengths = np.log(complement + rho * squares).sum(axis=1)
        volume = np.log(complement + rho * squares.sum(axis=1)) - (sums.shape[1] - 1) * depth
        return float((lengths - volume).mean()) / 2 - c_ima

    high = 1.0
    while excess(high) < 0:
        high *= 2
    return math.exp(-brentq(excess, 0.0, high, xtol=1e-15, rtol=1e-14))
