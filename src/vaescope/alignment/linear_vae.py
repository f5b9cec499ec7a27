"""Linear VAE: the closed form of its optimum, which is that of probabilistic PCA."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.alignment.similarity import best_pairs
from vaescope.tensor_checks import check_finite, misfit


@dataclass(frozen=True)
class LinearOptimum:
    """Where a linear VAE of D latents ends, up to order and sign of the latents."""

    # principal axes of the data, unit columns [X, D], largest variance first; columns of zeros for
    # latents beyond the data's dimension
    axes: Tensor
    eigenvalues: Tensor  # variance of the data along the axes [D], data units squared; 0 beyond
    decoder: Tensor  # optimal decoder matrix [X, D]; columns of zeros for pruned latents
    posterior_variance: Tensor  # of each latent [D]; 1 for pruned latents
    num_active: int  # latents that are not pruned


def linear_vae_optimum(covariance: Tensor, beta: float, latent_dim: int) -> LinearOptimum:
    """Global optimum of squared error plus ``beta`` times KL for a linear VAE; data units.

    Args:
        covariance: of the data [X, X], symmetric.
        beta: weight of the KL, above 0, with the error summed over outputs and not halved.
        latent_dim: number of latents D, at least 1.

    Returns:
        Axes, decoder and variances, float64. An axis is pruned if its variance is at most
        ``beta / 2``.

    Source: Lucas et al. 2019, "Don't Blame the ELBO!", https://arxiv.org/abs/1911.02469, with noise
    variance beta / 2. Differs: stated for a weight beta instead of a noise variance.

    Example:
        >>> linear_vae_optimum(torch.tensor([[4.0, 0.0], [0.0, 0.5]]), 2.0, 2).num_active
        1
    """
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise misfit("[X, X]", covariance=covariance)
    if not beta > 0 or latent_dim < 1:
        raise ValueError(f"beta = {beta} and latent_dim = {latent_dim}, but both must be positive")
    values, vectors = torch.linalg.eigh(covariance.double())
    missing = (0, max(0, latent_dim - len(values)))
    axes = torch.nn.functional.pad(vectors.flip(1)[:, :latent_dim], missing)
    eigenvalues = torch.nn.functional.pad(values.flip(0)[:latent_dim], missing).clamp(min=0)
    noise = beta / 2
    active = eigenvalues > noise
    variance = torch.where(active, noise / eigenvalues.where(active, 1.0), 1.0)
    decoder = axes * (eigenvalues - noise).clamp(min=0).sqrt()
    return LinearOptimum(axes, eigenvalues, decoder, variance, int(active.sum()))


def axis_cosines(decoder_columns: Tensor, axes: Tensor) -> Tensor:
    """How well decoder columns match given axes: |cosine| of matched pairs, 0 to 1 (aligned).

    Args:
        decoder_columns: decoder matrix or Jacobian [X, D].
        axes: directions in data space [X, K].

    Returns:
        Cosines [min(D, K)], float64, of the one-to-one match with the largest sum, in the order
        of the axes that were matched. A column of zeros has cosine 0 with everything.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the comparison with PCA. Differs:
    the paper compares by eye.

    Example:
        >>> axis_cosines(torch.tensor([[0.0, 2.0], [3.0, 0.0]]), torch.eye(2)).tolist()
        [1.0, 1.0]
    """
    if decoder_columns.ndim != 2 or axes.ndim != 2 or len(decoder_columns) != len(axes):
        raise misfit("[X, D] and [X, K]", decoder_columns=decoder_columns, axes=axes)
    check_finite("leave them out", decoder_columns=decoder_columns, axes=axes)
    products = unit_columns(axes.double()).T @ unit_columns(decoder_columns.double())
    cosines = products.abs().clamp(max=1)
    return cosines[best_pairs(cosines)]


def unit_columns(columns: Tensor) -> Tensor:
    """Columns [X, D] of length 1; those of zeros stay."""
    norms = columns.norm(dim=0)
    return columns / norms.where(norms != 0, 1.0)
