"""GVAE, ML-VAE and Ada-GVAE: pairs that share factors, whose posteriors are averaged."""

from typing import Literal

import torch
from torch import Tensor

from vaescope.distributions.posteriors import DiagonalGaussian, divergence
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms, require_label
from vaescope.ranges import NonNegative, in_range

Averaging = Literal["gvae", "ml_vae"]


class GroupVAE(LatentModel):
    """Pairs: mean of both reconstructions + beta times the mean of both KLs, after averaging.

    Args:
        averaging: of shared latents: ``gvae``: means and variances; ``ml_vae``: the product of the
            two posteriors, as a normal distribution of twice its variance.
        shared: which latents are shared: ``adaptive``: those whose posteriors are nearer to each
            other than half way between the nearest and the farthest; ``labels``: latent j if the
            pair does not differ in factor j, all latents beyond the factors.

    Source: Locatello et al. 2020, https://arxiv.org/abs/2002.02886, eq. 3 to 6 (Ada-GVAE,
    Ada-ML-VAE); Hosoya 2019, https://arxiv.org/abs/1809.02383 (GVAE); Bouchacourt et al. 2018,
    https://arxiv.org/abs/1705.08841 (ML-VAE). Differs: as in disentanglement_lib, the divergence of
    two posteriors is one-way, the variance of ``ml_vae`` is twice that of the product, which
    Bouchacourt et al. take as it is, and each image has a draw and a KL of its own of what is
    shared, where GVAE and ML-VAE have one for the group.
    """

    normals = ("z", "z_2")
    needs = ("a second image",)
    posteriors = (DiagonalGaussian,)
    only_these = "the posteriors of shared latents are averaged as normal ones"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 1.0,
        averaging: Averaging = "gvae",
        shared: Literal["adaptive", "labels"] = "adaptive",
    ) -> None:
        super().__init__(parts)
        self.beta, self.averaging, self.shared = beta, averaging, shared

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and KL, each the mean of both images."""
        q, q2 = self.encode(batch.image), self.encode(batch.partners[0].image)
        if self.shared == "adaptive":
            shared = nearer_half(divergence(q, q2))
        else:
            changed = require_label(batch.known.changed, "pairs_locatello")
            shared = unchanged_latents(changed, self.latent_dim)
        q, q2 = average_shared(q, q2, shared, self.averaging)
        first = self.nll(q.rsample(noise["z"]), batch.image)
        second = self.nll(q2.rsample(noise["z_2"]), batch.partners[0].image)
        kl = 0.5 * (self.kl(q) + self.kl(q2)).sum(-1).mean()
        return {"reconstruction": 0.5 * (first + second), "kl": kl}


def nearer_half(distance: Tensor) -> Tensor:
    """Which latents are below the middle of an image's smallest and largest, bool ``[B, D]``."""
    middle = 0.5 * (distance.amin(-1, keepdim=True) + distance.amax(-1, keepdim=True))
    return distance < middle


def unchanged_latents(changed: Tensor, latent_dim: int) -> Tensor:
    """Latent j is shared unless the pair differs in factor j: bool ``[B, D]`` of ``[B, K]``."""
    number = min(changed.shape[-1], latent_dim)
    beyond = torch.ones_like(changed[..., :1], dtype=torch.bool)
    beyond = beyond.expand(*changed.shape[:-1], latent_dim - number)
    return torch.cat([~changed[..., :number].bool(), beyond], dim=-1)


def average_shared(
    q: DiagonalGaussian, q2: DiagonalGaussian, shared: Tensor, averaging: Averaging
) -> tuple[DiagonalGaussian, DiagonalGaussian]:
    """Both posteriors with their shared latents replaced by the average."""
    if averaging == "gvae":
        mean = 0.5 * (q.mean + q2.mean)
        variance = 0.5 * (q.variance + q2.variance)
    else:
        variance = 2 * q.variance * q2.variance / (q.variance + q2.variance)
        mean = 0.5 * variance * (q.mean / q.variance + q2.mean / q2.variance)
    log_variance = variance.log()
    first, second = (
        DiagonalGaussian(
            torch.where(shared, mean, p.mean), torch.where(shared, log_variance, p.log_variance)
        )
        for p in (q, q2)
    )
    return first, second
