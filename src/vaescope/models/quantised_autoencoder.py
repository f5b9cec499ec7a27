"""QLAE: latent quantisation, each latent takes one of a few values."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.ranges import Classes, NonNegative, in_range


class QuantisedAutoencoder(PointModel):
    """QLAE: reconstruction + X (commitment |z - sg(c)|^2 + quantisation |sg(z) - c|^2).

    c is the vector of codebook values nearest to the encoder's output z, latent by latent; sg holds
    its argument fixed; both squares are means over latents and over the batch. The factor X, the
    number of an observation's dimensions, makes the whole X times the published loss, whose
    reconstruction is a mean over dimensions. The decoder reads c, its gradient goes to z as if
    c were z. ``encode`` gives c, so that every statistic sees the quantised codes.

    The paper takes twice as many latents as there are factors: ``latent_dim=10`` for dSprites. Its
    decay of the weights is AdamW's, the optimiser that the configuration of this method chooses.

    Args:
        num_values: values of each latent, evenly from -0.5 to 0.5 at first; at least 2.
        commitment: weight of the term that draws the encoder to the codebook, at least 0.
        quantisation: weight of the term that draws the codebook to the encoder, at least 0.
        weight_decay: for the optimiser, of all weights but biases and the codebook; at least 0.

    Source: Hsu et al. 2023, https://arxiv.org/abs/2305.18378, section 3; weights, reductions and
    parameter groups as in its published code. Differs: network and likelihood are those that were
    chosen, the paper's decoder is modulated by the codes as in StyleGAN; gradients are not clipped
    to [-1, 1], as they are there.
    Cost: B D ``num_values`` comparisons (6,400), nothing beside the networks. Steps a second with
    conv64 on dSprites, one CPU core: 0.97 of a beta-VAE's (0.88 to 1.10, 7 rounds).
    """

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        num_values: Classes = 10,
        commitment: NonNegative = 0.01,
        quantisation: NonNegative = 0.01,
        weight_decay: NonNegative = 0.1,
    ) -> None:
        super().__init__(parts)
        self.commitment, self.quantisation = commitment, quantisation
        self.weight_decay, self.size = weight_decay, math.prod(self.image_shape)
        values = torch.linspace(-0.5, 0.5, num_values)
        self.codebook = nn.Parameter(values.repeat(self.latent_dim, 1))

    def encode(self, image: Tensor) -> Point:
        """Quantised codes of images ``[B, ...]``, with the gradient of the encoder's output."""
        z = super().encode(image).mean
        return Point(straight_through(z, nearest_values(z, self.codebook)))

    def weights(self, step: int) -> dict[str, float]:
        commitment, quantisation = self.commitment * self.size, self.quantisation * self.size
        return {"commitment": commitment, "quantisation": quantisation}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|c), and how far the encoder's output and the codebook are from each other."""
        z = super().encode(batch.image).mean
        values = nearest_values(z, self.codebook)
        return {
            "reconstruction": self.nll(straight_through(z, values), batch.image),
            "commitment": (z - values.detach()).square().mean(),
            "quantisation": (z.detach() - values).square().mean(),
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimiser; biases and the codebook are a group that does not decay."""
        decayed: dict[str, Any] = {"params": [], "weight_decay": self.weight_decay}
        free: dict[str, Any] = {"params": [], "weight_decay": 0.0}
        for name, weights in self.named_parameters():
            is_free = name.rpartition(".")[2] in ("bias", "codebook")
            (free if is_free else decayed)["params"].append(weights)
        return self.make_optimizer([decayed, free])


def nearest_values(z: Tensor, codebook: Tensor) -> Tensor:
    """Value of each latent's codebook ``[D, V]`` that is nearest to ``z [B, D]``, ``[B, D]``.

    The gradient goes to the values that were chosen; of two equally near the first is.
    """
    number = (z.detach().unsqueeze(-1) - codebook.detach()).abs().argmin(-1, keepdim=True)
    return codebook.expand(*z.shape, -1).gather(-1, number).squeeze(-1)


def straight_through(z: Tensor, values: Tensor) -> Tensor:
    """``values`` exactly, with the gradient of ``z``."""
    return values.detach() + (z - z.detach())
