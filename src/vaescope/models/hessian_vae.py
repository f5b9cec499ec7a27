"""Hessian penalty: a VAE with a decoder whose latents do not interact."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import Draws, NonNegative, Positive, in_range


class HessianVAE(LatentModel):
    """beta-VAE + gamma times the off-diagonal part of the decoder's Hessians, by random directions.

    H is the Hessian by the sampled code z of one entry of the decoder's output (with a Bernoulli
    likelihood a logit); v^T H v is a central difference. For each image and each entry its
    variance over ``num_draws`` independent vectors v of random signs is taken, unbiased (divided
    by ``num_draws`` - 1): its expectation is 2 sum_{a != b} H_ab^2. It is reduced over the entries
    of an image and then averaged over the batch. The codes are held fixed: only the decoder feels
    the penalty.

    ``normalised``: signs are scaled by the standard deviations s of the sampled codes over the
    batch, and the mean variance over all images and entries is divided by that of as many normal
    v, scaled alike, whose expectation is 2 sum_ab (s_a s_b H_ab)^2. This share does not change
    with the scales of latents and output; 0: no interaction, 1: no curvature along single latents.

    Args:
        gamma: weight of the penalty, at least 0.
        normalised: take the share instead of the variance.
        reduction: over the entries of an image's output: ``max`` or ``mean``; with ``normalised``
            it is ``mean``.
        epsilon: step of the central difference along v, greater than 0. It is no small number: a
            network of rectified units has no curvature but across its kinks.
        num_draws: vectors v of each kind for an image, at least 2.

    Source: Peebles et al. 2020, https://arxiv.org/abs/2008.10599, theorem 1 and eq. 5; for
    ``normalised`` Hsu et al. 2024, https://arxiv.org/abs/2404.10282, the normalised Hessian
    penalty. Differs: both are applied to the last layer, there also, or only, to earlier ones.
    Peebles et al. train a generator, without an encoder, and their code's maximum runs over the
    batch, too. In Hsu et al. the encoder feels the penalty, too, and images are divided one by one
    and the ratios averaged, whose tail is so heavy that single images (ratios of 90 where the mean
    is 0.5) make the gradient.
    Cost: 2 ``num_draws`` + 2 decodes instead of 1, 4 ``num_draws`` + 2 with ``normalised`` (6 and
    10), all but one in single precision; with conv64 nearly all of an update is the decoder. Steps
    a second there on dSprites, one CPU core: 0.18 of a beta-VAE's (0.17 to 0.20, 7 rounds), and
    0.10 (0.10 to 0.12).
    """

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 4.0,
        gamma: NonNegative = 0.1,
        normalised: bool = False,
        reduction: Literal["max", "mean"] = "max",
        epsilon: Positive = 0.1,
        num_draws: Draws = 2,
    ) -> None:
        super().__init__(parts)
        if normalised and reduction == "max":
            raise ValueError(f"reduction={reduction!r}: with normalised=true choose mean")
        self.beta, self.gamma = beta, gamma
        self.normalised, self.reduction = normalised, reduction
        self.epsilon, self.num_draws = epsilon, num_draws
        self.of_whole_batch = "the scales of codes" if normalised else ""

    def beta_at(self, step: int) -> float:
        return self.beta

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta, "hessian": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL and penalty, z drawn from q."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        directions = noise["signs"]
        if self.normalised:  # signs and then normals, in units of the codes
            directions = z.detach().std(0, correction=0) * torch.cat([directions, noise["normals"]])
        curvature = second_differences(self.decode, z.detach(), directions, self.epsilon)
        return self.elbo_terms(q, z, batch.image) | {"hessian": self._penalty(curvature)}

    def _penalty(self, curvature: Tensor) -> Tensor:
        """Penalty, a scalar, of v^T H v ``[K, B, X]`` along signs and, if normalised, normals."""
        if self.normalised:
            return interaction_share(curvature)
        variance = curvature.var(0)
        return variance.amax(1).mean() if self.reduction == "max" else variance.mean()

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z``, random ``signs`` and, if they are needed, ``normals``, ``[num_draws, B, D]``."""
        drawn = super().draw_noise(rng, batch_size)
        shape = (self.num_draws, batch_size, self.latent_dim)
        drawn["signs"] = 2 * rng.integers(0, 2, shape).astype(np.float32) - 1
        if self.normalised:
            drawn["normals"] = rng.standard_normal(shape, dtype=np.float32)
        return drawn

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Of the directions, too, those of these rows."""
        directions = {k: own.of(v, axis=1) for k, v in noise.items() if k != "z"}
        return {"z": own.of(noise["z"])} | directions


def second_differences(
    decode: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor, epsilon: float
) -> Tensor:
    """v^T H v of each output at ``z [B, D]`` along ``directions [K, B, D]``, ``[K, B, X]``."""
    moves = epsilon * directions
    codes = torch.cat([z.unsqueeze(0), z + moves, z - moves])
    # a difference of two differences of outputs is lost in bfloat16
    with torch.autocast(z.device.type, enabled=False):
        outputs = decode(codes.flatten(0, 1)).unflatten(0, codes.shape[:2])
    centre, ahead, behind = outputs.flatten(2).split([1, len(moves), len(moves)])
    return (ahead - 2 * centre + behind) / epsilon**2


def interaction_share(curvature: Tensor) -> Tensor:
    """Share of interactions in the Hessians, of v^T H v along signs and then as many normals.

    Args:
        curvature: ``[2 K, B, X]``, v in units of the latents' deviations.

    Returns:
        Scalar; in expectation from 0, no interaction, to 1, nothing else.
    """
    signs, normals = curvature.chunk(2)
    return signs.var(0).mean() / (normals.var(0).mean() + 1e-10)
