"""Similarity of codes: MCC, linear regression, Procrustes and CKA, of seeds, epochs or factors.

Codes ``a`` [N, D] and ``b`` [N, E], or factors in the place of ``b``, are of the same images.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vaescope.ranks import mean_ranks
from vaescope.tensor_checks import check_matrix, misfit

Score = Callable[[Tensor, Tensor], float]


def matched_correlation(a: Tensor, b: Tensor, *, rank: bool = False) -> float:
    """Mean correlation coefficient (MCC), 0 to 1 (good: same up to order, sign, scale and shift).

    Args:
        rank: correlate ranks, so that every strictly monotone map of a latent is allowed.

    Returns:
        The mean of `correlation_match` over its min(D, E) pairs. Chance is above 0: about
        0.8 / sqrt(N) per pair, more after matching.

    Source: Hyvarinen & Morioka 2016, https://arxiv.org/abs/1605.06336; Khemakhem et al. 2020,
    https://arxiv.org/abs/1907.04809. Differs: D and E may differ; theirs are equal.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> round(matched_correlation(a, -2 * a.flip(1)), 3)
        1.0
    """
    return float(correlation_match(a, b, rank=rank)[2].mean())


def mean_correlation(codes: Tensor, factors: Tensor, *, rank: bool = False) -> float:
    """MCC of codes and factors, 0 to 1 (each factor is a latent up to scale and shift; good).

    Args:
        codes: one number per latent [N, D].
        factors: values of ordered factors [N, K].
        rank: correlate ranks, so that every strictly monotone map of a latent is allowed.

    Returns:
        Mean absolute correlation over the factors that vary, one latent each; a factor that is left
        without a latent counts as 0. 0 if no factor varies. Chance is above 0: about 0.8 / sqrt(N)
        per factor, more after matching.

    Source: Hyvarinen & Morioka 2016, https://arxiv.org/abs/1605.06336; Klindt et al. 2021,
    https://arxiv.org/abs/2007.10930, for fewer latents than factors. Differs: constant factors are
    left out; a factor without a latent has 0, not the correlation of a column of noise.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> round(mean_correlation(factors[:, :1], factors), 3)  # one of two factors
        0.5
    """
    varies = (factors != factors[:1]).any(0)
    found = correlation_match(codes, factors.to(codes), rank=rank)[2]
    return float(found.sum() / varies.sum()) if bool(varies.any()) else 0.0


def correlation_match(a: Tensor, b: Tensor, *, rank: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """One-to-one match of latents and the absolute correlation of each pair, 0 to 1 (good).

    Args:
        rank: Spearman's correlation, ties given their mean rank, instead of Pearson's.

    Returns:
        Latents of a [M], ascending, their partners in b [M], both int64, and |r| [M], float64;
        M = min(D, E). The match has the largest sum of |r|. Constant latents correlate 0.

    Source: as `matched_correlation`. Differs: none.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> correlation_match(a, a.flip(1))[1].tolist()
        [1, 0]
    """
    a, b = _same_images(a, b)
    if rank:
        a, b = _ranks(a), _ranks(b)
    strength = (_unit_columns(a).mT @ _unit_columns(b)).abs().clamp(max=1)
    left, right = best_pairs(strength)
    return left, right, strength[left, right]


def best_pairs(strengths: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the one-to-one match of a matrix [D, E] with the largest sum."""
    from scipy.optimize import linear_sum_assignment

    pairs = linear_sum_assignment(strengths.cpu().numpy(), maximize=True)
    rows, columns = (torch.from_numpy(places).to(strengths.device) for places in pairs)
    return rows, columns


def linear_alignment(a: Tensor, b: Tensor) -> float:
    """Share of b's variance that the best affine map of a explains, R^2, 0 to 1 (good).

    Not symmetric. Invertible affine maps of a change nothing, nor do rotations of b.

    Args:
        a: codes that explain [N, D].
        b: codes to explain [N, E].

    Returns:
        R^2 pooled over b's latents, each weighted by its variance. Fitted and measured on the same
        images: unrelated codes reach D / (N - 1), and any codes 1 where D >= N - 1. 0 if a or b is
        constant.

    Source: Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, linear regression in table 1.
    Differs: an intercept; a may be rank-deficient.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> round(linear_alignment(a[:, :1], a), 3)
        0.5
    """
    a, b = _same_images(a, b)
    b = scaled(b)
    directions, strengths, _ = torch.linalg.svd(_unit_columns(a), full_matrices=False)
    kept = strengths > strengths[0] * max(a.shape) * torch.finfo(torch.float64).eps
    return _ratio((directions[:, kept].mT @ b).square().sum(), b.square().sum())


def orthogonal_alignment(a: Tensor, b: Tensor) -> float:
    """Share of variance in common under the best rotation, one scale and a shift, 0 to 1 (good).

    Symmetric. Rotations, reflections, a common scale and a shift of either change nothing.

    Args:
        a: codes [N, D].
        b: codes of the same images [N, E]; the narrower gets latents of zeros.

    Returns:
        (nuclear norm of the cross-covariance)^2 over the product of total variances, which is
        1 - Procrustes' residual relative to b's variance. 0 if a or b is constant.

    Source: Schonemann 1966, https://doi.org/10.1007/BF02289451, the orthogonal Procrustes problem.
    Differs: shift and scale are fitted too; the value is what the fit explains, not the map.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> round(orthogonal_alignment(a, 5 * a.flip(1)), 3)
        1.0
    """
    a, b = (scaled(codes) for codes in _same_images(a, b))
    common = torch.linalg.svdvals(a.mT @ b).sum().square()
    return _ratio(common, a.square().sum() * b.square().sum())


def centred_kernel_alignment(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment (CKA), 0 to 1 (good: same inner products of images).

    Symmetric. Rotations, reflections, a common scale and a shift of either change nothing.

    Returns:
        ||B^T A||^2 / (||A^T A|| ||B^T B||) of the centred codes, Frobenius norms; latents with
        large variance dominate. 0 if a or b is constant.

    Source: Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, section 3, linear CKA.
    Differs: none; the biased estimate, 1 for any codes where D and E reach N.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> round(centred_kernel_alignment(a[:, :1], a), 3)
        0.707
    """
    a, b = (scaled(codes) for codes in _same_images(a, b))
    norms = torch.linalg.matrix_norm(a.mT @ a) * torch.linalg.matrix_norm(b.mT @ b)
    return _ratio((b.mT @ a).square().sum(), norms)


def pairwise(codes: Tensor, score: Score) -> Tensor:
    """A score of each set of codes with each other, such as all seeds of an ensemble.

    Args:
        codes: S sets of codes of the same images [S, N, D].
        score: maps two sets [N, D] to a number that is 1 for equal sets, such as
            `matched_correlation`. It need not be symmetric.

    Returns:
        ``score(codes[i], codes[j])`` at [i, j], float64 [S, S] on the CPU; the diagonal is 1 by
        definition, also for a constant set.

    Example:
        >>> a = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> pairwise(torch.stack([a, -a]), matched_correlation).round(decimals=3).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    if codes.ndim != 3 or 0 in codes.shape:
        raise misfit("a non-empty [S, N, D]", codes=codes)
    table = torch.eye(len(codes), dtype=torch.float64)
    for i, first in enumerate(codes):
        for j, second in enumerate(codes):
            if i != j:
                table[i, j] = score(first, second)
    return table


def _same_images(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets centred, float64; a constant latent becomes exactly 0."""
    check_matrix("a", a)
    check_matrix("b", b)
    if len(a) != len(b) or len(a) < 3:
        given = f"a has {len(a)} samples and b {len(b)}"
        raise ValueError(f"{given}, but the same number, at least 3, is needed")
    return centred(a.detach().double()), centred(b.detach().double())


def centred(codes: Tensor) -> Tensor:
    """Codes [N, D] less their mean; a constant latent becomes exactly 0."""
    # The first row goes first, because the mean of equal numbers can be off by rounding.
    shifted = codes - codes[:1]
    return shifted - shifted.mean(0)


def scaled(codes: Tensor) -> Tensor:
    """Codes whose largest entry is 1, so that squares neither overflow nor vanish."""
    largest = codes.abs().max()
    return codes / largest.where(largest > 0, 1.0)


def _unit_columns(codes: Tensor) -> Tensor:
    largest = codes.abs().amax(0)
    scaled = codes / largest.where(largest > 0, 1.0)
    lengths = scaled.norm(dim=0)
    return scaled / lengths.where(lengths > 0, 1.0)


def _ranks(codes: Tensor) -> Tensor:
    """Centred ranks of each latent's values [N, D], ties at their mean."""
    return centred(mean_ranks(codes, 0))


def _ratio(part: Tensor, whole: Tensor) -> float:
    return min(1.0, float(part / whole)) if float(whole) > 0 else 0.0
