"""Laplace distributions of codes."""

import math

import torch
from torch import Tensor

from vaescope.distributions.posteriors.independent import MeanAndLogVariance


class DiagonalLaplace(MeanAndLogVariance):
    """Independent Laplace distributions of the latents, with density exp(-|z - mean|/b) / 2b.

    Args:
        mean: ``[..., D]``.
        log_variance: ``[..., D]``, natural logarithm of 2 b^2.

    Source: Kotz, Kozubowski & Podgorski 2001, "The Laplace distribution", chapter 2. Differs: read
    off by its variance, as the diagonal normal family is.

    Example:
        >>> DiagonalLaplace(torch.zeros(1), torch.zeros(1)).variance.tolist()
        [1.0]
    """

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

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent at ``z [..., D]`` in nats, ``[..., D]``."""
        return -(z - self.mean).abs() / self.scale - (2 * self.scale).log()
