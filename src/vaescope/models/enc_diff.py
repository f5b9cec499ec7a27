"""EncDiff: a diffusion model whose denoiser attends to the latents, each a token of its own."""

from dataclasses import replace

import numpy as np
from torch import nn

from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.models.parts import resolved_parts
from vaescope.networks.diffusion_decoder import (
    HIGHEST,
    LOWEST,
    Denoiser,
    DiffusionDecoder,
    clean_images,
    noisy_images,
)
from vaescope.ranges import Count, Width, in_range


class EncDiff(PointModel):
    """EncDiff: |eps - eps_hat(cos(a) y + sin(a) eps, a, tokens of z)|^2, y the image in [-1, 1].

    Each latent becomes a token by a network of its own, to which all places of the denoiser's
    U-Net attend: that, and the noise, are to make latents factors; there is no posterior and no
    other term. The angle a is uniform, eps standard normal.

    The encoder is that of the chosen network; its decoder has no part in it. Codes are decoded by
    ``num_steps`` denoising steps from one noise image that is kept, so that what statistics say of
    the decoder, as alignment, is of this one path and not of the images that a code may have. The
    reconstruction is of images denoised in one step from their a, and trains nobody.

    Args:
        channels: of the U-Net where its places are largest, a multiple of 8 and of ``num_heads``.
        token_dim: numbers of a latent's token.
        num_heads: of the attention.
        num_steps: of denoising when codes are decoded.

    Source: Yang et al. 2024, https://arxiv.org/abs/2402.09712, and its published code. Differs: it
    denoises pixels, four by four at 64 x 64, where the paper denoises the latents of a VQ
    autoencoder that is trained before; a U-Net of 1.8 million weights; the squared error, there
    the absolute one in the published settings; angles, there 1,000 steps of a linear schedule.
    """

    only_these = "its codes are tokens without noise"
    states = ("decoder.start",)

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        channels: Width = 48,
        token_dim: Width = 16,
        num_heads: Count = 4,
        num_steps: Count = 10,
    ) -> None:
        parts = resolved_parts(type(self), parts)
        encoder_of = parts.network

        def network(
            shape: tuple[int, ...], num_parameters: int, latent_dim: int
        ) -> tuple[nn.Module, nn.Module]:
            sizes = {"channels": channels, "token_dim": token_dim, "num_heads": num_heads}
            denoiser = Denoiser(shape, latent_dim, **sizes)
            encoder, _ = encoder_of(shape, num_parameters, latent_dim)
            return encoder, DiffusionDecoder(denoiser, num_steps)

        super().__init__(replace(parts, network=network))

    def weights(self, step: int) -> dict[str, float]:
        return {"reconstruction": 0.0}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Squared error of the noise that is found, and the images that this would give."""
        z, eps = self.encode(batch.image).mean, noise["eps"]
        angle = LOWEST + (HIGHEST - LOWEST) * noise["level"]
        noisy = noisy_images(2 * batch.image - 1, eps, angle)
        found = self.decoder.denoiser(noisy, angle, z)  # type: ignore[operator]
        denoised = (clean_images(noisy, found.detach(), angle) + 1) / 2
        return {
            "reconstruction": self.likelihood.nll(denoised, batch.image).mean(),
            "noise": (eps - found).square().flatten(1).sum(1).mean(),
        }

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``level`` in [0, 1) of each image's angle, its noise ``eps``, and ``z``."""
        drawn = super().draw_noise(rng, batch_size)
        drawn["level"] = rng.random(batch_size, dtype=np.float32)
        shape = (batch_size, *self.image_shape)
        return drawn | {"eps": rng.standard_normal(shape, dtype=np.float32)}
