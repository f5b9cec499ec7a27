"""Hadamard gap: what a diagonal posterior costs, and how far a decoder is from free of it."""

import math

import torch
from torch import Tensor

from vaescope.alignment.decoder_derivatives import column_norms
from vaescope.alignment.optimality import ima_contrast
from vaescope.tensor_checks import check_squares, misfit


def hadamard_gap(gram: Tensor, beta: float) -> Tensor:
    """Loss of the best diagonal posterior over the best full one, 0 (columns orthogonal) upward.

    In units of the loss "reconstruction + beta KL", for a decoder linear over the posterior.

    Args:
        gram: J^T H J [N, D, D], symmetric, H the second derivative of the reconstruction loss by
            the output: 2 for a squared error. Columns of zeros (switched-off latents) are fine.
        beta: weight of the KL term, above 0.

    Returns:
        (beta / 2) (sum_j log(1 + G_jj / beta) - log det(I + G / beta)) per sample [N], float64;
        near beta c_IMA for small beta. Infinite only where I + G / beta, its columns at unit
        length, is singular to double precision.

    Source: derived from Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, Theorem 1
    (Hadamard's inequality), and Kumar & Poole 2020, https://arxiv.org/abs/2002.00041. Differs:
    the difference of their two optima; neither paper reports it.

    Example:
        >>> round(hadamard_gap(torch.tensor([[[2.0, 1.0], [1.0, 2.0]]]), beta=1.0).item(), 3)
        0.059
    """
    return beta * ima_contrast(_posterior_precision(gram, beta))


def deterministic_surrogate(
    nll: Tensor, mean: Tensor, gram: Tensor, beta: float, *, diagonal: bool
) -> Tensor:
    """Loss with the best posterior covariance for a linearised decoder, in units of the loss.

    Exact for a loss quadratic in the code; else its second-order approximation. Low is good.

    Args:
        mean, beta: as in `vaescope.alignment`.
        nll: reconstruction loss of the decoded posterior means [N].
        gram: J^T H J at the means [N, D, D], H as in `hadamard_gap`.
        diagonal: the best among diagonal covariances instead of all. The two differ by
            `hadamard_gap`.

    Returns:
        nll + (beta / 2) (||mean||^2 + log det(I + G / beta)) per sample [N], float64; with
        ``diagonal`` the determinant of the diagonal alone.

    Source: Kumar & Poole 2020, "On Implicit Regularization in beta-VAEs",
    https://arxiv.org/abs/2002.00041, the deterministic objective. Differs: none.

    Example:
        >>> nll, mean, gram = torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None]
        >>> loss = deterministic_surrogate(nll, mean, gram, 1.0, diagonal=True)
        >>> round(loss.item(), 3)
        1.693
    """
    if mean.ndim != 2 or nll.shape != mean.shape[:1] or gram.shape[:-1] != mean.shape:
        raise misfit("[N], [N, D] and [N, D, D]", nll=nll, mean=mean, gram=gram)
    precision = _posterior_precision(gram, beta)
    log_det = precision.diagonal(dim1=1, dim2=2).log().sum(1)
    if not diagonal:
        log_det = log_det - 2 * ima_contrast(precision)
    return nll.double() + 0.5 * beta * (mean.double().square().sum(1) + log_det)


def gram_deviation(gram: Tensor) -> Tensor:
    """Root-mean-square cosine between different columns, 0 (orthogonal; good) to 1 (parallel).

    Args:
        gram: J^T J of each Jacobian, or J^T H J, [N, D, D], symmetric, at least 2 latents.

    Returns:
        Deviations [N], float64. A column of zeros is orthogonal to everything.

    Source: the orthogonality of Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, Theorem 1.
    Differs: not the paper's statistic, which is `distance_to_orthogonality`; well defined where
    singular values are equal.

    Example:
        >>> gram_deviation(torch.tensor([[[1.0, 0.5], [0.5, 1.0]]])).item()
        0.5
    """
    check_squares("gram", gram)
    dim = gram.shape[2]
    if dim < 2:
        raise ValueError(f"gram has {dim} latent, but cosines between columns need at least 2")
    norms = column_norms(gram)
    lengths = norms.where(norms > 0, 1.0)
    cosines = gram.double() / lengths[:, :, None] / lengths[:, None, :]
    off_axis = cosines * (1 - torch.eye(dim, dtype=cosines.dtype, device=cosines.device))
    return (off_axis.square().sum((1, 2)) / (dim * (dim - 1))).sqrt().clamp(max=1)


def isometry_deviation(gram: Tensor, variance: Tensor, beta: float) -> Tensor:
    """Distance of the decoder, scaled by the posterior, from an isometry; 0 (good) upward.

    Args:
        variance, beta: as in `vaescope.alignment`.
        gram: J^T H J [N, D, D], symmetric, H as in `hadamard_gap`. Leave out switched-off
            latents: each adds nearly 1 to the squared distance.

    Returns:
        ||S (G / beta) S - I||_F / sqrt(D) with S = diag(sigma_1, ..., sigma_D), per sample [N],
        float64. At the optimum of a linear decoder it is not 0 but the root mean square of the
        variances: the isometry is that of small posterior variances.

    Source: Nakagawa et al. 2021, "Quantitative Understanding of VAE as a Non-linearly Scaled
    Isometric Embedding", https://arxiv.org/abs/2007.15190, the orthonormality of the scaled
    derivatives. Differs: theirs is the optimum, this is the distance to it.

    Example:
        >>> isometry_deviation(4 * torch.eye(2)[None], torch.full((1, 2), 0.25), beta=1.0).item()
        0.0
    """
    check_squares("gram", gram)
    if variance.shape != gram.shape[:2]:
        raise misfit("[N, D] and [N, D, D]", variance=variance, gram=gram)
    if not bool((variance.isfinite() & (variance > 0)).all()):
        raise ValueError("variance must be positive and finite: pass variances, not logarithms")
    _check_beta(beta)
    sigma = variance.double().sqrt()
    scaled = sigma[:, :, None] * (gram.double() / beta) * sigma[:, None, :]
    identity = torch.eye(gram.shape[2], dtype=scaled.dtype, device=scaled.device)
    return torch.linalg.matrix_norm(scaled - identity) / gram.shape[2] ** 0.5


def _posterior_precision(gram: Tensor, beta: float) -> Tensor:
    """I + G / beta, the precision of the best Gaussian posterior [N, D, D], float64."""
    check_squares("gram", gram)
    _check_beta(beta)
    return torch.eye(gram.shape[2], dtype=torch.float64, device=gram.device) + gram.double() / beta


def _check_beta(beta: float) -> None:
    if not 0 < beta < math.inf:
        raise ValueError(f"beta = {beta}, but a positive, finite weight of the KL term is needed")
