"""Singular values of the decoder: are they its column norms, and in the variances' order?"""

import torch
from scipy.stats import rankdata
from torch import Tensor

from vaescope.alignment.decoder_derivatives import column_norms
from vaescope.alignment.dto import right_singular_vectors
from vaescope.tensor_checks import misfit


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
    ranks = torch.from_numpy(rankdata(values.cpu(), axis=1)).to(values.device)
    return ranks - (values.shape[1] + 1) / 2
