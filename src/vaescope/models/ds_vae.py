"""DSVAE: one static code for a sequence and a dynamic code for each of its frames."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.slow_vae import laplace_cross_entropy
from vaescope.ranges import AtLeastTwo, LatentCount, NonNegative, Positive, in_range


class DSVAE(LatentModel):
    """DSVAE: reconstruction + beta_f KL of the static code f + beta_z KL of dynamic z_1 ... z_T.

    All three are shares of a frame, 1/T of a sequence's. The first ``static_dim`` latents are f,
    the others z_t. q(f|x_1 ... x_T) has the means and log-variances of its frames' posteriors on
    average, p(f) = p(z_1) = N(0, I). Of a single image, as evaluations encode it, f is that of a
    sequence of one.

    Args:
        static_dim: number of static latents; None: half of them, rounded down.
        length: number of frames T, that of the view.
        transition: p(z_t|z_t-1): ``learned``: N(a z, 1 - a^2) with an a in (-1, 1) for each latent,
            under which every z_t is N(0, 1); ``laplace``: a Laplace distribution about z_t-1.
        rate: lambda of the Laplace distribution, greater than 0.
        beta_f: weight of the static KL, at least 0.
        beta_z: weight of the dynamic KL, at least 0.

    Source: Li & Mandt 2018, https://arxiv.org/abs/1803.02991, with its factorised q, q(f|x_1 ...
    x_T) prod_t q(z_t|x_t); ``laplace`` is the transition of Klindt et al. 2021,
    https://arxiv.org/abs/2007.10930. Differs: the paper's prior of z is an LSTM and its q(f) a
    bidirectional one; here both are as said above, so that the KLs are exact; weights.
    """

    needs = ("a sequence",)
    posteriors = (DiagonalGaussian,)
    only_these = "the KLs of its transitions are those of normal distributions"
    any_prior = False

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        static_dim: LatentCount | None = None,
        length: AtLeastTwo = 8,
        transition: Literal["learned", "laplace"] = "learned",
        rate: Positive = 6.0,
        beta_f: NonNegative = 1.0,
        beta_z: NonNegative = 1.0,
    ) -> None:
        super().__init__(parts)
        self.static_dim = self.latent_dim // 2 if static_dim is None else static_dim
        if self.static_dim > self.latent_dim:
            raise ValueError(f"static_dim={static_dim}: give at most latent_dim={self.latent_dim}")
        self.length, self.rate, self.beta_f, self.beta_z = length, rate, beta_f, beta_z
        self.artanh_a: nn.Parameter | None = None
        if transition == "learned":
            self.artanh_a = nn.Parameter(torch.zeros(self.latent_dim - self.static_dim))
        self.normals = ("z", *(f"z_{t}" for t in range(2, length + 1)))

    def weights(self, step: int) -> dict[str, float]:
        return {"kl_static": self.beta_f, "kl_dynamic": self.beta_z}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x_t|z_t, f), KL(q(f)||p(f)) and sum_t KL(q(z_t)||p(z_t|z_t-1)), by T."""
        x, T = batch.frames, self.length
        if x.shape[1] != T:
            raise ConfigError(
                f"length={T}, but sequences have {x.shape[1]} frames; make both equal"
            )
        q_f, q_z = self.encode_sequences(x)
        epsilon = torch.stack([noise[name] for name in self.normals], dim=1)
        f = q_f.rsample(epsilon[:, 0, : self.static_dim])
        z = q_z.rsample(epsilon[..., self.static_dim :])
        codes = torch.cat([f[:, None].expand(-1, T, -1), z], dim=-1)
        return {
            "reconstruction": self.nll(codes.flatten(0, 1), x.flatten(0, 1)),
            "kl_static": q_f.kl().sum(-1).mean() / T,
            "kl_dynamic": self.dynamic_kl(q_z).mean() / T,
        }

    def encode_sequences(self, x: Tensor) -> tuple[DiagonalGaussian, DiagonalGaussian]:
        """q(f|x_1 ... x_T) ``[B, D_f]`` and q(z_t|x_t) ``[B, T, D_z]`` of ``x [B, T, ...]``."""
        q = self.encode(x.flatten(0, 1))
        sizes = (self.static_dim, self.latent_dim - self.static_dim)
        means, logs = (
            part.unflatten(0, x.shape[:2]).split(sizes, dim=-1) for part in (q.mean, q.log_variance)
        )
        q_f = DiagonalGaussian(means[0].mean(1), logs[0].mean(1))
        return q_f, DiagonalGaussian(means[1], logs[1])

    def dynamic_kl(self, q: DiagonalGaussian) -> Tensor:
        """KL(q(z_1)||p(z_1)) + sum_t E KL(q(z_t)||p(z_t|z_t-1)), z_t-1 of q, nats ``[B]``.

        Args:
            q: posteriors ``[B, T, D_z]``.
        """
        first, before, now = (
            DiagonalGaussian(q.mean[:, part], q.log_variance[:, part])
            for part in (slice(1), slice(-1), slice(1, None))
        )
        if self.artanh_a is None:
            spread = (before.variance + now.variance).sqrt()
            cross = laplace_cross_entropy(now.mean - before.mean, spread, self.rate)
        else:
            cross = linear_cross_entropy(before, now, self.artanh_a)
        return first.kl().sum((1, 2)) + (cross - now.entropy()).sum((1, 2))


def linear_cross_entropy(
    before: DiagonalGaussian, now: DiagonalGaussian, artanh_a: Tensor
) -> Tensor:
    """-E log N(z'; a z, 1 - a^2) over z and z' of two posteriors, nats, of their shape.

    Args:
        before: of z ``[..., D]``.
        now: of z' ``[..., D]``.
        artanh_a: the hyperbolic arc tangent of a, so that no step leaves (-1, 1) ``[D]``.
    """
    a, precision = artanh_a.tanh(), artanh_a.cosh().square()
    squared = (now.mean - a * before.mean).square() + now.variance + a.square() * before.variance
    return 0.5 * (squared * precision + math.log(2 * math.pi) - precision.log())
