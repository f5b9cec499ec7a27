"""UDR: unsupervised disentanglement ranking, do models of several seeds find the same axes?"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from vaescope.ranks import mean_ranks
from vaescope.tensor_checks import check_finite, misfit

Similarity = Literal["lasso", "spearman"]

_PENALTY = 0.1
_MAX_SWEEPS = 10_000
_TOLERANCE = 1e-10
_MOST_STRENGTHS = 2**24  # between latents held at a time: 128 MB, a few times over


def udr(
    codes: Sequence[Tensor] | Tensor,
    kl: Tensor,
    *,
    similarity: Similarity = "lasso",
    kl_threshold: float = 0.01,
) -> Tensor:
    """Unsupervised disentanglement ranking of each model, 0 to 1 (seeds agree on axes; good).

    A latent counts if its mean KL exceeds ``kl_threshold``. Over the latents that count of models
    a and b, with the similarities R, a pair scores the mean of max_j R_ij^2 / sum_j R_ij over the
    latents i of a, averaged with the same from b's side.

    Args:
        codes: posterior means of S models, at least 2, for the same N images [S, N, D].
        kl: mean KL divergence of each latent [S, D], nats.
        similarity: ``"spearman"``: absolute rank correlations. ``"lasso"``: absolute coefficients
            that predict one model's latents from the other's, all of unit variance, with an L1
            penalty of 0.1. Perfect agreement then gives 0.9, because the penalty shrinks; strongly
            correlated latents can have coefficients, and so scores, above 1.
        kl_threshold: above which a latent counts.

    Returns:
        Median pair score with the other models [S], float64; for the Lasso the model is the one
        that is predicted. A pair with a model in which no latent counts has 0; so does a latent
        with no similar partner, for example a constant one.

    Source: Duan et al. 2020, https://arxiv.org/abs/1905.12614, section 4; direction of the Lasso
    and shape of the means as in the public disentanglement_lib. Differs: the paper pools both
    sides' latents into one mean; the two agree if the sides have equally many that count.

    Example:
        >>> codes = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
        >>> udr([codes, codes.flip(1)], torch.ones(2, 3), similarity="spearman").shape
        torch.Size([2])
    """
    stacked = _stacked(codes)
    if tuple(kl.shape) != (expected := (len(stacked), stacked.shape[2])):
        raise misfit(f"[S, D] = {expected}", kl=kl)
    check_finite("check the encoders before ranking", kl=kl)
    informative = (kl > kl_threshold).to(stacked.device)
    if similarity == "spearman":
        scaled = _standardised(mean_ranks(stacked, 1)) * informative[:, None]
    elif similarity == "lasso":
        scaled = _standardised(stacked) * informative[:, None]
    else:
        raise ValueError(f"similarity = {similarity!r}, but 'lasso' or 'spearman' is needed")
    at_a_time = max(1, _MOST_STRENGTHS // (len(scaled) * scaled.shape[2] ** 2))
    parts = []
    for models in torch.arange(len(scaled), device=scaled.device).split(at_a_time):
        strengths = _correlations(scaled, models)
        if similarity == "lasso":
            strengths = _lasso(strengths, models, _PENALTY)
        parts.append(_pair_scores(strengths.abs(), models, informative))
    pairs = torch.cat(parts)
    partners = ~torch.eye(len(pairs), dtype=torch.bool, device=pairs.device)
    others = pairs.T[partners].view(len(pairs), -1)
    return others.quantile(0.5, dim=1)


def _pair_scores(strengths: Tensor, models: Tensor, informative: Tensor) -> Tensor:
    """Pair scores [M, S] of strengths [M, S, D, D] that are 0 for latents that do not count."""
    rows = _relative(strengths, 3) * informative[models, None]
    columns = _relative(strengths, 2) * informative[None]
    count = informative.sum(1).clamp(min=1)
    return 0.5 * (rows.sum(2) / count[models, None] + columns.sum(2) / count[None])


def _relative(strengths: Tensor, dim: int) -> Tensor:
    total = strengths.sum(dim)
    return strengths.amax(dim).square() / total.where(total > 0, 1.0)


def _correlations(scaled: Tensor, models: Tensor) -> Tensor:
    """Correlations [M, S, D, D] of latents of these models [M] with those of all."""
    num_models, num_samples, dim = scaled.shape
    columns = scaled.transpose(1, 2)
    own, every = columns[models].flatten(0, 1), columns.flatten(0, 1)
    products = (own @ every.T / num_samples).view(len(models), dim, num_models, dim)
    return products.transpose(1, 2)


def _lasso(correlations: Tensor, models: Tensor, penalty: float) -> Tensor:
    """Lasso coefficients [M, S, D, D]: the latents of these models (rows) predict those of all.

    Coordinate descent on the normal equations, for all targets of all pairs at once; a model with
    itself is left at 0, like latents of variance 0. Latents of one model that correlate beyond
    about 0.999 may share a coefficient otherwise than at the minimum when the sweeps end.
    """
    num_models, dim = correlations.shape[1], correlations.shape[-1]
    own = correlations[torch.arange(len(models)), models]  # [M, D, D]
    every = torch.arange(num_models, device=own.device)
    itself = (models[:, None] == every)[:, :, None, None]
    targets = correlations.masked_fill(itself, 0.0).transpose(1, 2).flatten(2)
    weights = torch.zeros_like(targets)
    scale = own.diagonal(dim1=1, dim2=2)
    inverse = torch.where(scale > 0, 1 / scale.where(scale > 0, 1.0), 0.0)[:, :, None]
    for _ in range(_MAX_SWEEPS):
        before = weights.clone()
        for j in range(dim):
            others = (own[:, j, None] @ weights).squeeze(1) - scale[:, j, None] * weights[:, j]
            residual = targets[:, j] - others
            weights[:, j] = torch.nn.functional.softshrink(residual, penalty) * inverse[:, j]
        if float((weights - before).abs().max()) <= _TOLERANCE:
            break
    return weights.view(len(models), dim, num_models, dim).transpose(1, 2)


def _standardised(codes: Tensor) -> Tensor:
    """Columns [S, N, D] of mean 0 and variance 1; constant ones become 0."""
    constant = codes.amax(1, keepdim=True) == codes.amin(1, keepdim=True)
    shifted = codes - codes.mean(1, keepdim=True)
    spread = shifted.square().mean(1, keepdim=True).sqrt()
    return torch.where(constant, 0.0, shifted / spread.where(spread > 0, 1.0))


def _stacked(codes: Sequence[Tensor] | Tensor) -> Tensor:
    if len({tuple(model.shape) for model in codes}) > 1:
        shapes = [tuple(model.shape) for model in codes]
        raise ValueError(f"codes have shapes {shapes}, but one [N, D] for all models is needed")
    if len(codes) < 2:
        raise ValueError(f"codes of {len(codes)} models given, but at least 2 are compared")
    stacked = torch.stack(list(codes)).detach().double()
    if stacked.ndim != 3 or 0 in stacked.shape:
        raise misfit("[S, N, D]", codes=stacked)
    check_finite("check the encoders before ranking", codes=stacked)
    return stacked
