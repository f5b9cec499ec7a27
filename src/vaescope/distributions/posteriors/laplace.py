"""Laplace distributions of codes."""

import math
from typing import Self

import torch
from torch import Tensor


class DiagonalLaplace:
    """Independent Laplace distributions of the latents, with density exp(-|z - mean|/b) / 2b.

    Args:
        mean: ``[..., D]``.
        log_variance: ``[..., D]``, natural logarithm of 2 b^2.

    Source: Kotz, Kozubowski & Podgorski 2001, "The Laplace distribution", chapter 2. Differs: read
    off by its variance, as the diagonal normal family is.
    """

    def __init__(self, mean: Tensor, log_variance: Tensor) -> None:
        self.mean = mean
        self.log_variance = log_variance

    @staticmethod
    def num_parameters(latent_dim: int) -> int:
        """Numbers that an encoder must give for one image: 2 D."""
        return 2 * latent_dim

    @classmethod
    def from_parameters(cls, parameters: Tensor, latent_dim: int) -> Self:
        """Read the posterior off the encoder's output ``[..., 2 D]``: means, then log-variances."""
        return cls(*parameters.split(latent_dim, dim=-1))

    @property
    def variance(self) -> Tensor:
        """Posterior variance of each latent, ``[..., D]``."""
        return self.log_variance.exp()

    @property
    def scale(self) -> Tensor:
        """B of each latent, the mean distance from its mean, ``[..., D]``."""
        return (0.5 * (self.log_variance - math.log(2))).exp()

    def rsample(self, noise: Tensor) -> Tensor:
        """Reparametrised sample ``[..., D]`` from standard normal noise of the same shape."""
        tail = torch.special.erfc(noise.abs() / math.sqrt(2))  # probability of more than |noise|
        return self.mean - self.scale * noise.sign() * tail.log()

    def entropy(self) -> Tensor:
        """Entropy of each latent in nats, ``[..., D]``."""
        return 1 + 0.5 * (self.log_variance + math.log(2))

    def mean_absolute(self) -> Tensor:
        """E|z| of each latent, ``[..., D]``."""
        distance = self.mean.abs()
        return distance + self.scale * (-distance / self.scale).exp()

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) of each latent in nats, ``[..., D]``; at least 0."""
        squared = self.mean.square() + self.variance
        return 0.5 * (squared + math.log(2 * math.pi)) - self.entropy()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent at ``z [..., D]`` in nats, ``[..., D]``."""
        return -(z - self.mean).abs() / self.scale - (2 * self.scale).log()

    @property
    def marginals(self) -> "DiagonalLaplace":
        """Each latent by itself: the same posterior."""
        return self

    @property
    def covariance(self) -> Tensor:
        """Posterior covariance ``[..., D, D]``, diagonal."""
        return torch.diag_embed(self.variance)
