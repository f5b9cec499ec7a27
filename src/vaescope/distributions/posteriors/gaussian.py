"""Normal distributions of codes, with independent or with covarying latents."""

import math
from typing import Self

import torch
from torch import Tensor

from vaescope.distributions.posteriors.independent import MeanAndLogVariance


class DiagonalGaussian(MeanAndLogVariance):
    """N(mean, diag(exp(log_variance))): independent latents, the choice of nearly every VAE.

    Source: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B. Differs: none.

    Example:
        >>> DiagonalGaussian(torch.tensor([2.0]), torch.zeros(1)).kl().tolist()
        [2.0]
    """

    def rsample(self, noise: Tensor) -> Tensor:
        """Reparametrised sample ``[..., D]`` from standard normal noise of the same shape."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) of each latent in nats, ``[..., D]``; at least 0, sums to the whole."""
        return 0.5 * (self.mean.square() + self.variance - self.log_variance - 1)

    def entropy(self) -> Tensor:
        """Entropy of each latent in nats, ``[..., D]``."""
        return 0.5 * (self.log_variance + math.log(2 * math.pi * math.e))

    def mean_absolute(self) -> Tensor:
        """E|z| of each latent, ``[..., D]``."""
        return _folded_normal(self.mean, self.variance)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each latent's marginal at ``z [..., D]`` in nats, ``[..., D]``."""
        scaled = (z - self.mean).square() / self.variance
        return -0.5 * (scaled + self.log_variance + math.log(2 * math.pi))


class FullGaussian:
    """N(mean, L L^T) with a lower-triangular L: latents may covary, and rotations cost nothing.

    Args:
        mean: ``[..., D]``.
        cholesky: L, ``[..., D, D]``, lower-triangular with a positive diagonal.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, "VAE with full
    covariance". Differs: the encoder's parametrisation of L is ours, the paper states none: twice
    the logarithm of its diagonal, which is the diagonal family's log-variance where nothing
    stands below, and the entries below it.

    Example:
        >>> FullGaussian(torch.zeros(2), torch.eye(2)).kl().tolist()
        [0.0, 0.0]
    """

    def __init__(self, mean: Tensor, cholesky: Tensor) -> None:
        self.mean = mean
        self.cholesky = cholesky

    @staticmethod
    def num_parameters(latent_dim: int) -> int:
        """Numbers that an encoder must give for one image: D + D (D + 1) / 2."""
        return latent_dim + latent_dim * (latent_dim + 1) // 2

    @classmethod
    def from_parameters(cls, parameters: Tensor, latent_dim: int) -> Self:
        """Read mean, twice the log-diagonal of L, and L's entries below it, in this order."""
        mean, log_squares, below = parameters.tensor_split((latent_dim, 2 * latent_dim), dim=-1)
        entries = torch.cat(
            [(0.5 * log_squares).exp(), below, torch.zeros_like(mean[..., :1])], dim=-1
        )
        places = _places_in_cholesky(latent_dim, parameters.device)
        return cls(mean, entries[..., places].unflatten(-1, (latent_dim, latent_dim)))

    @property
    def variance(self) -> Tensor:
        """Marginal posterior variance of each latent, ``[..., D]``."""
        return self.cholesky.square().sum(-1)

    def rsample(self, noise: Tensor) -> Tensor:
        """Reparametrised sample ``[..., D]`` from standard normal noise of the same shape."""
        # not a matrix product, which autocast would round to bfloat16
        return self.mean + (self.cholesky * noise.unsqueeze(-2)).sum(-1)

    def kl(self) -> Tensor:
        """KL(q || N(0, I)) in nats by the chain rule over latents, ``[..., D]``; sums to the whole.

        Entry j is the expected KL of q(z_j | z_1 .. z_{j-1}); each is at least 0. Only the sum is
        independent of the latents' order.
        """
        log_diagonal = self.cholesky.diagonal(dim1=-2, dim2=-1).log()
        return 0.5 * (self.mean.square() + self.variance - 2 * log_diagonal - 1)

    def entropy(self) -> Tensor:
        """Entropy in nats by the chain rule over latents, ``[..., D]``; sums to the whole."""
        log_diagonal = self.cholesky.diagonal(dim1=-2, dim2=-1).log()
        return log_diagonal + 0.5 * math.log(2 * math.pi * math.e)

    def mean_absolute(self) -> Tensor:
        """E|z| of each latent, ``[..., D]``."""
        return _folded_normal(self.mean, self.variance)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density of each factor of the chain rule at ``z [..., D]`` in nats, ``[..., D]``."""
        shift = (z - self.mean).unsqueeze(-1)
        scaled = torch.linalg.solve_triangular(self.cholesky, shift, upper=False).squeeze(-1)
        log_diagonal = self.cholesky.diagonal(dim1=-2, dim2=-1).log()
        return -0.5 * (scaled.square() + 2 * log_diagonal + math.log(2 * math.pi))

    @property
    def marginals(self) -> DiagonalGaussian:
        """Each latent by itself, without the covariances."""
        return DiagonalGaussian(self.mean, self.variance.log())

    @property
    def covariance(self) -> Tensor:
        """Posterior covariance L L^T, ``[..., D, D]``."""
        rows, columns = self.cholesky.unsqueeze(-2), self.cholesky.unsqueeze(-3)
        return (rows * columns).sum(-1)  # not a matrix product, which autocast would round


def divergence(q: DiagonalGaussian, p: DiagonalGaussian) -> Tensor:
    """KL(q || p) of each latent in nats, ``[..., D]``.

    Example:
        >>> q, p = (DiagonalGaussian(torch.tensor([m]), torch.zeros(1)) for m in (0.0, 2.0))
        >>> divergence(q, p).tolist()
        [2.0]
    """
    scaled = (q.variance + (q.mean - p.mean).square()) / p.variance
    return 0.5 * (scaled - 1 + p.log_variance - q.log_variance)


def _folded_normal(mean: Tensor, variance: Tensor) -> Tensor:
    """E|z| of a normal distribution."""
    deviation = variance.sqrt()
    scaled = mean / deviation
    tails = deviation * math.sqrt(2 / math.pi) * (-0.5 * scaled.square()).exp()
    return tails + mean * torch.special.erf(scaled / math.sqrt(2))


def _places_in_cholesky(latent_dim: int, device: torch.device) -> Tensor:
    """Where each entry of L, row by row ``[D * D]``, stands in (diagonal, below, zero).

    Made where it is used: a copy from the host would make a GPU wait, and cannot be captured.
    """
    i, j = torch.arange(latent_dim, device=device)[:, None], torch.arange(latent_dim, device=device)
    below = latent_dim + i * (i - 1) // 2 + j
    zero = latent_dim * (latent_dim + 1) // 2
    return torch.where(i == j, i, torch.where(j < i, below, zero)).flatten()
