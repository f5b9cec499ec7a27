"""Tripod: quantised latents that are independent and do not interact in the decoder."""

import math

import numpy as np
import torch
from torch import Tensor

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.models.hessian_vae import interaction_share, second_differences
from vaescope.models.quantised_autoencoder import straight_through
from vaescope.ranges import Classes, Draws, NonNegative, Positive, in_range


class Tripod(PointModel):
    """Tripod: reconstruction + X (lambda_1 multiinformation + lambda_2 share of interactions).

    Each latent is a tanh, rounded to the nearest of ``num_values`` in [-1, 1], with the gradient
    of the tanh. The multiinformation is that of kernel densities of the batch's codes, the share
    that of the normalised Hessian penalty. The factor X, the number of an observation's dimensions,
    makes the whole X times the published loss, whose reconstruction is a mean over dimensions.

    Args:
        multiinformation: lambda_1, at least 0.
        hessian: lambda_2, at least 0.
        num_values: of each latent, fixed, evenly from -1 to 1; at least 2.
        epsilon: step of the central difference, in deviations of the latents; greater than 0.
        num_draws: directions of each kind for an image, at least 2.

    Source: Hsu et al. 2024, https://arxiv.org/abs/2404.10282, and its published code, whose weights
    for Shapes3D are the defaults. Differs: network and likelihood are those that were chosen; the
    share is that of the decoder's output, there the sum of those of its blocks, and it is divided
    once for the batch, there image by image; gradients are not clipped to [-1, 1].
    Cost: 4 ``num_draws`` + 1 decodes more.
    """

    of_whole_batch = "the densities and the scales of codes"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        multiinformation: NonNegative = 1e-4,
        hessian: NonNegative = 1e-2,
        num_values: Classes = 12,
        epsilon: Positive = 0.1,
        num_draws: Draws = 2,
    ) -> None:
        super().__init__(parts)
        self.multiinformation, self.hessian, self.num_values = multiinformation, hessian, num_values
        self.epsilon, self.num_draws = epsilon, num_draws

    def weights(self, step: int) -> dict[str, float]:
        size = math.prod(self.image_shape)
        return {"multiinformation": self.multiinformation * size, "hessian": self.hessian * size}

    def encode(self, image: Tensor) -> Point:
        """Quantised codes of images ``[B, ...]``, with the gradient of their tanh."""
        return Point(rounded(super().encode(image).mean.tanh(), self.num_values))

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), multiinformation and share of interactions at the quantised codes z."""
        bounded = super().encode(batch.image).mean.tanh()
        z = rounded(bounded, self.num_values)
        deviations = (bounded.var(0, correction=0) + 1e-12).sqrt()
        directions = deviations * torch.cat([noise["signs"], noise["normals"]])
        curvature = second_differences(self.decode, z, directions, self.epsilon)
        return {
            "reconstruction": self.nll(z, batch.image),
            "multiinformation": kernel_multiinformation(z, deviations),
            "hessian": interaction_share(curvature),
        }

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """Random ``signs`` and ``normals``, ``[num_draws, B, D]``, beside ``z``."""
        drawn = super().draw_noise(rng, batch_size)
        shape = (self.num_draws, batch_size, self.latent_dim)
        drawn["signs"] = 2 * rng.integers(0, 2, shape).astype(np.float32) - 1
        return drawn | {"normals": rng.standard_normal(shape, dtype=np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Of the directions, too, those of these rows."""
        directions = {k: own.of(v, axis=1) for k, v in noise.items() if k != "z"}
        return {"z": own.of(noise["z"])} | directions


def rounded(bounded: Tensor, num_values: int) -> Tensor:
    """The nearest of so many even values in [-1, 1], with the gradient of ``bounded``.

    Example:
        >>> rounded(torch.tensor([-0.9, 0.2, 0.6]), 3).tolist()
        [-1.0, 0.0, 1.0]
    """
    steps = num_values - 1
    return straight_through(bounded, ((bounded + 1) / 2 * steps).round() * 2 / steps - 1)


def kernel_multiinformation(z: Tensor, deviations: Tensor) -> Tensor:
    """Mean log-ratio of the joint density of codes and the product of its marginals, nats, scalar.

    All densities are means of normal kernels at the batch's codes: marginals with the latents'
    deviations s as widths, the joint one with s times Silverman's factor.

    Args:
        z: codes ``[B, D]``.
        deviations: s ``[D]``, greater than 0.

    Source: Hsu et al. 2024, https://arxiv.org/abs/2404.10282, kernel-based latent multiinformation,
    with the widths of its published code. Differs: none.
    """
    size, latents = z.shape
    silverman = (4 / (latents + 2)) ** (1 / (latents + 4)) * size ** (-1 / (latents + 4))
    scaled = (z.unsqueeze(1) - z.unsqueeze(0)) / deviations  # [B, B, D]
    constant = deviations.log() + 0.5 * math.log(2 * math.pi)
    wide = -0.5 * scaled.square() - constant
    narrow = -0.5 * (scaled / silverman).square() - constant - math.log(silverman)
    marginals = (wide.logsumexp(1) - math.log(size)).sum(-1)
    joint = narrow.sum(-1).logsumexp(1) - math.log(size)
    return (joint - marginals).mean()
