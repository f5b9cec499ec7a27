"""FactorQVAE: latents take values of one codebook, at random, and are made independent."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.adversary import (
    draw_permutations,
    log_odds_terms,
    permuted_within,
    player_groups,
)
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.models.quantised_autoencoder import nearest_values, straight_through
from vaescope.networks import discriminator
from vaescope.ranges import Classes, Depth, NonNegative, Positive, Width, in_range


class FactorQVAE(PointModel):
    """FactorQVAE: reconstruction + X (beta KL/D + gamma TC) of categorical latents.

    Each latent's probabilities are pi_v ~ exp(-(z - c_v)^2), z the encoder's output and c one
    codebook for all latents. A sample is a softmax w of log pi and Gumbel noise, over the
    temperature; the decoder reads sum_v w_v c_v. The KL is that of pi from uniform values, TC that
    of the weights w, by a discriminator as in FactorVAE. ``encode`` gives the likeliest value. The
    factor X, the number of an observation's dimensions, makes the whole X times the published loss,
    whose reconstruction is a mean over dimensions.

    Args:
        beta: weight of the KL, at least 0.
        gamma: weight of the total correlation, at least 0.
        num_values: V, entries of the codebook, at least 2.
        temperature: of the samples, greater than 0.
        num_layers: hidden layers of the discriminator.
        width: units of each.
        discriminator_lr: learning rate of the discriminator.

    Source: Baykal, Kandemir & Unal 2024, https://arxiv.org/abs/2409.14851, and its published code,
    whose weights for Shapes3D are the defaults. Differs: both players are updated at once from the
    same batch, there from its halves; learning rates are constant, there half a cosine.
    """

    only_these = "its codes are values of a codebook"
    of_whole_batch = "the permutation of codes"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 1e-3,
        gamma: NonNegative = 1e-4,
        num_values: Classes = 64,
        temperature: Positive = 1.0,
        num_layers: Depth = 5,
        width: Width = 1000,
        discriminator_lr: NonNegative = 1e-3,
    ) -> None:
        super().__init__(parts)
        self.beta, self.gamma, self.temperature = beta, gamma, temperature
        self.num_values, self.discriminator_lr = num_values, discriminator_lr
        self.codebook = nn.Parameter(torch.randn(num_values))
        inputs = self.latent_dim * num_values
        self.discriminator = discriminator(inputs, num_layers=num_layers, width=width)

    def encode(self, image: Tensor) -> Point:
        """Likeliest values for images ``[B, ...]``, with the gradient of the encoder's output."""
        z = super().encode(image).mean
        values = nearest_values(z, self.codebook.expand(self.latent_dim, -1))
        return Point(straight_through(z, values))

    def weights(self, step: int) -> dict[str, float]:
        size = math.prod(self.image_shape)
        of_kl, of_correlation = self.beta * size / self.latent_dim, self.gamma * size
        return {"kl": of_kl, "aggregate_total_correlation": of_correlation}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) of a sample, KL(pi || uniform), TC and the adversary's cross-entropy."""
        z = super().encode(batch.image).mean
        log_pi = (-(z.unsqueeze(-1) - self.codebook).square()).log_softmax(-1)  # [B, D, V]
        w = ((log_pi + noise["gumbel"]) / self.temperature).softmax(-1)
        order = noise["permutation"].long().unsqueeze(-1).expand_as(w)
        permuted = w.detach().gather(0, order).flatten(1)
        return {
            "reconstruction": self.nll(w @ self.codebook, batch.image),
            "kl": (log_pi.exp() * (log_pi + math.log(self.num_values))).sum((1, 2)).mean(),
            **log_odds_terms(self.discriminator, w.flatten(1), permuted),
        }

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``gumbel`` noise ``[B, D, V]``, a permutation of the batch of each latent, and ``z``."""
        drawn = super().draw_noise(rng, batch_size)
        drawn["permutation"] = draw_permutations(rng, batch_size, self.latent_dim)
        shape = (batch_size, self.latent_dim, self.num_values)
        return drawn | {"gumbel": rng.gumbel(size=shape).astype(np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Permutations of these rows among themselves."""
        sliced = super().slice_noise(noise, own)
        return sliced | {"permutation": permuted_within(sliced["permutation"])}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser; the discriminator's weights are a group with a rate of their own."""
        settings: dict[str, Any] = {"lr": self.discriminator_lr}
        return self.make_optimizer(player_groups(self, self.discriminator, **settings))
