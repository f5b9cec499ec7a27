"""Uniform distributions of codes on boxes."""

import math
from typing import Self

import torch
from torch import Tensor

from vaescope.distributions.posteriors.independent import IndependentLatents


class Box(IndependentLatents):
    """Independent uniform distributions of the latents on intervals inside (-1, 1).

    Args:
        mean: middles ``[..., D]``, at least ``half_width`` away from -1 and 1.
        half_width: ``[..., D]``, in (0, 1].

    The family whose KL to a uniform prior is finite: -log half_width for each latent.

    Example:
        >>> round(Box(torch.zeros(1), torch.ones(1)).variance.item(), 3)
        0.333
    """

    def __init__(self, mean: Tensor, half_width: Tensor) -> None:
        self.mean = mean
        self.half_width = half_width

    @classmethod
    def from_parameters(cls, parameters: Tensor, latent_dim: int) -> Self:
        """Read places and widths off the encoder's output ``[..., 2 D]``, of any real numbers."""
        place, width = parameters.split(latent_dim, dim=-1)
        half_width = width.sigmoid()
        return cls((1 - half_width) * place.tanh(), half_width)

    @property
    def variance(self) -> Tensor:
        """Posterior variance of each latent, ``[..., D]``, at most 1/3."""
        return self.half_width.square() / 3

    def rsample(self, noise: Tensor) -> Tensor:
        """Reparametrised sample ``[..., D]`` from standard normal noise of the same shape."""
        return self.mean + self.half_width * torch.special.erf(noise / math.sqrt(2))

    def entropy(self) -> Tensor:
        """Entropy of each latent in nats, ``[..., D]``."""
        return (2 * self.half_width).log()

    def mean_absolute(self) -> Tensor:
        """E|z| of each latent, ``[..., D]``."""
        distance, width = self.mean.abs(), self.half_width
        around_zero = (distance.square() + width.square()) / (2 * width)
        return torch.where(distance < width, around_zero, distance)
