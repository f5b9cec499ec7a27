"""FactorVAE: the total correlation of the codes is judged by an adversary."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.adversary import (
    draw_permutations,
    log_odds_terms,
    permuted_within,
    player_groups,
)
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.networks import discriminator
from vaescope.ranges import Decay, Depth, NonNegative, Width, in_range


class FactorVAE(LatentModel):
    """FactorVAE: reconstruction + KL + gamma TC(z), TC by the density ratio of a discriminator.

    One summed loss gives the weights that two optimisers give: the discriminator's weights are
    held fixed in the VAE's terms, and the codes in the discriminator's.

    Args:
        gamma: weight of the total correlation, at least 0.
        num_layers: hidden layers of the discriminator.
        width: units of each.
        discriminator_lr: learning rate of the discriminator.
        discriminator_betas: decay rates of Adam's averages for the discriminator.

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, eq. 2 and algorithm 1; optimiser of
    the discriminator as in Locatello et al. 2019, https://arxiv.org/abs/1811.12359. Differs:
    both are updated at once from the same batch, as in disentanglement_lib; algorithm 1 takes a
    second batch for the discriminator.
    """

    of_whole_batch = "the permutation of codes"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        gamma: NonNegative = 10.0,
        num_layers: Depth = 6,
        width: Width = 1000,
        discriminator_lr: NonNegative = 1e-4,
        discriminator_betas: tuple[Decay, Decay] = (0.5, 0.9),
    ) -> None:
        super().__init__(parts)
        self.gamma = gamma
        self.discriminator = discriminator(self.latent_dim, num_layers=num_layers, width=width)
        self.of_discriminator: dict[str, Any] = {
            "lr": discriminator_lr,
            "betas": tuple(discriminator_betas),
        }

    def weights(self, step: int) -> dict[str, float]:
        return {"aggregate_total_correlation": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL and TC for the VAE, and the adversary's cross-entropy."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        permuted = z.detach().gather(0, noise["permutation"].long())
        terms = self.elbo_terms(q, z, batch.image)
        return terms | log_odds_terms(self.discriminator, z, permuted)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z`` and, for each latent, a permutation of the batch ``[B, D]``."""
        drawn = super().draw_noise(rng, batch_size)
        return drawn | {"permutation": draw_permutations(rng, batch_size, self.latent_dim)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Permutations of these rows among themselves."""
        sliced = super().slice_noise(noise, own)
        return sliced | {"permutation": permuted_within(sliced["permutation"])}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser; the discriminator's weights are a group with settings of their own."""
        return self.make_optimizer(player_groups(self, self.discriminator, **self.of_discriminator))
