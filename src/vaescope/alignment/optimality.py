"""Optimal variances and singular values for a decoder, and the IMA contrast of its columns."""

import torch
from torch import Tensor

from vaescope.alignment.decoder_derivatives import column_norms
from vaescope.alignment.orthogonality import right_singular_vectors
from vaescope.ranks import mean_ranks
from vaescope.tensor_checks import check_squares, misfit


def variance_relation(variance: Tensor, gram_diagonal: Tensor, beta: float) -> Tensor:
    """Posterior variance over its optimum for this decoder, above 0; 1 is ideal.

    Args:
        variance, beta: as in `vaescope.alignment`.
        gram_diagonal: c_j^T H c_j [N, D], c_j the decoder's Jacobian columns at the posterior
            means and H the second derivative of the reconstruction loss with respect to the
            output: 2 for a squared error, 1 for half of one.

    Returns:
        sigma_j^2 (1 + c_j^T H c_j / beta) [N, D], float64; a switched-off latent gives 1 too. With
        a posterior so wide that the Jacobian changes over it, the best variances spread around 1:
        they follow `posterior_curvature`, and so does the relation with its diagonal in place of
        c_j^T H c_j.

    Source: Kumar & Poole 2020, https://arxiv.org/abs/2002.00041, its diagonal; for the
    squared error Rolinek et al. 2019, https://arxiv.org/abs/1812.06775. Differs: theirs is the
    optimum, this is the ratio to it; exact for a decoder linear over the posterior's width.

    Example:
        >>> variance_relation(torch.tensor([[0.25]]), torch.tensor([[3.0]]), beta=1.0).item()
        1.0
    """
    if variance.shape != gram_diagonal.shape:
        raise misfit("equal shapes [N, D]", variance=variance, gram_diagonal=gram_diagonal)
    if not beta > 0:
        raise ValueError(f"beta = {beta}, but the relation needs a positive weight of the KL term")
    return variance.double() * (1 + gram_diagonal.double() / beta)


def ima_contrast(gram: Tensor) -> Tensor:
    """Local IMA contrast in nats, 0 (columns are orthogonal; good) to infinity (dependent).

    Args:
        gram: J^T J of each Jacobian, or J^T H J, [N, D, D], symmetric. Leave out switched-off
            latents first: their columns of zeros make it singular.

    Returns:
        (log det diag G - log det G) / 2 per sample [N], float64; infinite where G is singular to
        double precision, a column of zeros included.

    Source: Gresele et al. 2021, https://arxiv.org/abs/2106.05200, c_IMA. Differs: none;
    computed on columns of unit length, so that scale cannot overflow.

    Example:
        >>> round(ima_contrast(torch.tensor([[[2.0, 1.0], [1.0, 2.0]]])).item(), 3)
        0.144
    """
    check_squares("gram", gram)
    norms = gram.double().diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
    lengths = norms.where(norms > 0, 1.0)
    cosines = gram.double() / (lengths[:, :, None] * lengths[:, None, :])
    spectrum = torch.linalg.eigvalsh(cosines)
    singular = spectrum[:, 0] <= gram.shape[2] * torch.finfo(torch.float64).eps
    gaps = -0.5 * spectrum.where(~singular[:, None], 1.0).log().sum(1)
    return gaps.clamp(min=0).where(~singular, torch.inf)


def norm_spectrum_error(gram: Tensor) -> Tensor:
    """Relative error of column norms as singular values, 0 (they are; good) to below sqrt(2).

    Returns:
        ||n - s|| / ||s|| per sample [N], float64, with n the columns' norms and s the singular
        values, both sorted; 0 for one latent and for a Jacobian of zeros.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, Theorem 1: at the optimum the
    norms are the singular values. Differs: theirs is the optimum, this is the distance to it.

    Example:
        >>> norm_spectrum_error(torch.tensor([[[4.0, 0.0], [0.0, 9.0]]])).item()
        0.0
    """
    values = right_singular_vectors(gram)[1].flip(-1)
    error = (column_norms(gram).sort(-1).values - values).norm(dim=-1)
    length = values.norm(dim=-1)
    return error / length.where(length > 0, 1.0)


def order_agreement(variance: Tensor, gram_diagonal: Tensor) -> Tensor:
    """Rank correlation of posterior precision and column norm, -1 (reversed) to 1 (good).

    Args:
        variance: posterior variances [N, D], at least 2 latents.
        gram_diagonal: squared norms of the Jacobian's columns [N, D], c_j^T H c_j.

    Returns:
        Spearman's correlation of 1 / sigma_j and ||c_j|| over the latents of each sample [N],
        float64, ties at their mean rank. 0, its mean for a random order, if all variances or all
        norms of a sample are equal.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775: the optimal variances of
    Theorem 1 fall with the norms. Differs: theirs is the optimum, this is the agreement with it.

    Example:
        >>> round(order_agreement(torch.tensor([[0.1, 0.9]]), torch.tensor([[5.0, 1.0]])).item(), 3)
        1.0
    """
    if variance.ndim != 2 or variance.shape != gram_diagonal.shape or variance.shape[1] < 2:
        needed = "equal shapes [N, D] with D >= 2"
        raise misfit(needed, variance=variance, gram_diagonal=gram_diagonal)
    for name, values in (("variance", variance), ("gram_diagonal", gram_diagonal)):
        if not bool((values.isfinite() & (values >= 0)).all()):
            raise ValueError(f"{name} holds negative, NaN or infinite values")
    precise, long = _centred_ranks(-variance), _centred_ranks(gram_diagonal)
    lengths = precise.norm(dim=1) * long.norm(dim=1)
    agreement = (precise * long).sum(1) / lengths.where(lengths > 0, 1.0)
    return agreement.clamp(-1, 1)


def _centred_ranks(values: Tensor) -> Tensor:
    """Ranks along the last dimension, ties at their mean, less their mean; [N, D], exact."""
    return mean_ranks(values, 1) - (values.shape[1] + 1) / 2
