"""Distributions p(z) of codes before an image is seen, and how far a posterior is from them."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from vaescope.distributions.posteriors import (
    Box,
    DiagonalGaussian,
    DiagonalLaplace,
    FullGaussian,
    NoisyPosterior,
)
from vaescope.ranges import Positive, in_range


class StandardNormal:
    """N(0, I): the prior of nearly every VAE; rotations of the codes leave it as it is.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B. Differs: none.

    Example:
        >>> q = DiagonalGaussian(torch.ones(1, 1), torch.zeros(1, 1))
        >>> StandardNormal().kl(q).tolist()
        [[0.5]]
    """

    posteriors: ClassVar[tuple[type, ...]] = (DiagonalGaussian, FullGaussian, DiagonalLaplace, Box)
    variance = 1.0

    def kl(self, q: NoisyPosterior) -> Tensor:
        """KL(q || p) in nats ``[..., D]``, per latent or in a chain; sums to the whole."""
        return q.kl()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent at ``z [..., D]`` in nats, ``[..., D]``."""
        return -0.5 * (z.square() + math.log(2 * math.pi))

    def sample(self, noise: Tensor) -> Tensor:
        """Codes ``[..., D]`` from standard normal noise of the same shape."""
        return noise


class Laplace:
    """Independent Laplace distributions about 0: sparse codes, and axes of their own.

    Args:
        scale: b of every latent, greater than 0; the variance is 2 b^2.

    Source: Klindt et al. 2021, https://arxiv.org/abs/2007.10930, eq. 20 (its divergence from a
    normal distribution). Differs: stands for codes, not for their changes in time.

    Example:
        >>> round(Laplace(scale=2.0).log_prob(torch.zeros(1)).item(), 3)
        -1.386
    """

    posteriors: ClassVar[tuple[type, ...]] = StandardNormal.posteriors

    @in_range
    def __init__(self, scale: Positive = 1.0) -> None:
        self.scale = scale
        self.variance = 2 * scale**2

    def kl(self, q: NoisyPosterior) -> Tensor:
        """KL(q || p) in nats ``[..., D]``, per latent or in a chain; sums to the whole."""
        return q.mean_absolute() / self.scale + math.log(2 * self.scale) - q.entropy()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent at ``z [..., D]`` in nats, ``[..., D]``."""
        return -z.abs() / self.scale - math.log(2 * self.scale)

    def sample(self, noise: Tensor) -> Tensor:
        """Codes ``[..., D]`` from standard normal noise of the same shape."""
        log_variance = torch.full_like(noise, 2 * math.log(self.scale) + math.log(2))
        return DiagonalLaplace(torch.zeros_like(noise), log_variance).rsample(noise)


class UniformCube:
    """The uniform distribution on (-1, 1)^D; it needs a posterior that stays inside.

    Normal posteriors, which published code uses with it, have an infinite KL.

    Example:
        >>> round(UniformCube().kl(Box(torch.zeros(1), torch.full((1,), 0.5))).item(), 3)
        0.693
    """

    posteriors: ClassVar[tuple[type, ...]] = (Box,)
    variance = 1 / 3

    def kl(self, q: NoisyPosterior) -> Tensor:
        """KL(q || p) of each latent in nats, ``[..., D]``; 0: the whole interval."""
        if not isinstance(q, Box):
            raise ValueError(f"{type(q).__name__} leaves the cube, its KL is infinite; choose Box")
        return -q.half_width.log()

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent at ``z [..., D]`` in nats, ``[..., D]``; -inf outside."""
        return torch.full_like(z, -math.log(2)).masked_fill(z.abs() >= 1, -math.inf)

    def sample(self, noise: Tensor) -> Tensor:
        """Codes ``[..., D]`` from standard normal noise of the same shape."""
        return torch.special.erf(noise / math.sqrt(2))


Prior = StandardNormal | Laplace | UniformCube
