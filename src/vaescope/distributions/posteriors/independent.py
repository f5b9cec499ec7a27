"""What posteriors with independent latents share."""

import math
from typing import Self

import torch
from torch import Tensor


class IndependentLatents:
    """A posterior whose latents are independent; each is read off two numbers of the encoder."""

    mean: Tensor

    @staticmethod
    def num_parameters(latent_dim: int) -> int:
        """Numbers that an encoder must give for one image: 2 D."""
        return 2 * latent_dim

    @property
    def variance(self) -> Tensor:
        """Posterior variance of each latent, ``[..., D]``."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Entropy of each latent in nats, ``[..., D]``."""
        raise NotImplementedError

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) of each latent in nats, ``[..., D]``; at least 0."""
        squared = self.mean.square() + self.variance
        return 0.5 * (squared + math.log(2 * math.pi)) - self.entropy()

    @property
    def marginals(self) -> Self:
        """Each latent by itself: the same posterior."""
        return self

    @property
    def covariance(self) -> Tensor:
        """Posterior covariance ``[..., D, D]``, diagonal."""
        return torch.diag_embed(self.variance)


class MeanAndLogVariance(IndependentLatents):
    """A family of independent latents that mean and log-variance tell apart.

    Args:
        mean: ``[..., D]``.
        log_variance: ``[..., D]``, natural logarithm.
    """

    def __init__(self, mean: Tensor, log_variance: Tensor) -> None:
        self.mean = mean
        self.log_variance = log_variance

    @classmethod
    def from_parameters(cls, parameters: Tensor, latent_dim: int) -> Self:
        """Read the posterior off the encoder's output ``[..., 2 D]``: means, then log-variances."""
        return cls(*parameters.split(latent_dim, dim=-1))

    @property
    def variance(self) -> Tensor:
        """Posterior variance of each latent, ``[..., D]``."""
        return self.log_variance.exp()
