"""DAVA: images of codes whose latents are mixed are to look like reconstructions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.adversary import (
    draw_permutations,
    held_fixed,
    permuted_within,
    player_groups,
)
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.parts import resolved_parts
from vaescope.ranges import NonNegative, in_range

_ROOM = 0.6  # labels move towards each other by up to so much; from it on an image counts as real
_FOOLED, _TELLS = 0.501, 0.51  # accuracies up to which C rises, and above which it falls


class DAVA(LatentModel):
    """DAVA: reconstruction + gamma (KL/D - C)^4, and a discriminator of images that moves C.

    The discriminator tells reconstructions from images of codes whose latents are permuted over the
    batch, each by itself. While it cannot, with an accuracy a of at most 0.501, C rises by a step;
    where it can, above 0.51, C falls by one, and the encoder is moved by max(0, 100 (a - 1/2))
    times the cross-entropy of its reconstructions being taken for mixed ones. C is a weight that
    no gradient moves; the discriminator learns from labels that are smoothed at random.

    Args:
        gamma: weight of the distance from C, at least 0.
        capacity_step: by which C moves, nats for a latent.
        max_capacity: upper bound of C, nats for a latent; the lower one is 0.
        discriminator_lr: learning rate of the discriminator, an encoder of the network.

    Source: Estermann & Wattenhofer 2023, https://arxiv.org/abs/2303.01384, and its published code,
    whose numbers these are. Differs: its three updates of a batch are one, of one summed loss, and
    no gradient is clipped to length 1; the encoder's cross-entropy is a mean over the batch, there
    a sum; latents are permuted, there drawn with replacement; C is not below 0.
    """

    of_whole_batch = "the KL that is held, the permutation of codes and the accuracy"
    states = ("capacity",)

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        gamma: NonNegative = 1000.0,
        capacity_step: NonNegative = 4e-5,
        max_capacity: NonNegative = 8.0,
        discriminator_lr: NonNegative = 1e-4,
    ) -> None:
        parts = resolved_parts(type(self), parts)
        super().__init__(parts)
        self.gamma, self.capacity_step, self.max_capacity = gamma, capacity_step, max_capacity
        self.discriminator_lr = discriminator_lr
        self.discriminator, _ = parts.network(self.image_shape, 1, self.latent_dim)
        self.capacity = nn.Parameter(torch.zeros(()), requires_grad=False)

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": 0.0, "accuracy_of_adversary": 0.0, "capacity_gap": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), (KL/D - C)^4, both players' cross-entropies; KL and accuracy are told."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        terms = self.elbo_terms(q, z, batch.image)
        mixed = z.detach().gather(0, noise["permutation"].long())
        with torch.no_grad():
            images = self.decode_mean(z), self.decode_mean(mixed)
        real, false = (self.discriminator(each)[:, 0] for each in images)
        accuracy = 0.5 * (_seems_real(real).mean() + (1 - _seems_real(false)).mean())
        smoothed = _ROOM * noise["smoothing"]
        judged = F.binary_cross_entropy_with_logits(real, 1 - smoothed[:, 0])
        judged = judged + F.binary_cross_entropy_with_logits(false, smoothed[:, 1])
        seen = self.likelihood.mean(held_fixed(self.decoder)(z))
        taken = F.softplus(held_fixed(self.discriminator)(seen)[:, 0]).mean()
        return terms | {
            "capacity_gap": (terms["kl"] / self.latent_dim - self.capacity.detach()) ** 4,
            "discriminator": 0.5 * judged,
            "adversarial": (100 * (accuracy - 0.5)).clamp(min=0) * taken,
            "accuracy_of_adversary": accuracy,
        }

    def states_after(self, states: Mapping[str, Tensor], terms: Terms, step: int) -> Terms:
        accuracy = terms["accuracy_of_adversary"].detach()
        rise = (accuracy <= _FOOLED).to(accuracy) - (accuracy > _TELLS).to(accuracy)
        moved = states["capacity"] + self.capacity_step * rise
        return {"capacity": moved.clamp(0, self.max_capacity)}

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z``, of each latent a permutation of the batch ``[B, D]``, and ``smoothing [B, 2]``."""
        drawn = super().draw_noise(rng, batch_size)
        drawn["permutation"] = draw_permutations(rng, batch_size, self.latent_dim)
        return drawn | {"smoothing": rng.random((batch_size, 2), dtype=np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Permutations of these rows among themselves."""
        sliced = super().slice_noise(noise, own)
        return sliced | {"permutation": permuted_within(sliced["permutation"])}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser; the discriminator's weights are a group with a rate of their own."""
        settings: dict[str, Any] = {"lr": self.discriminator_lr}
        return self.make_optimizer(player_groups(self, self.discriminator, **settings))


def _seems_real(logits: Tensor) -> Tensor:
    """1 where an image counts as a reconstruction, else 0."""
    return (logits.detach().sigmoid() >= _ROOM).to(logits)
