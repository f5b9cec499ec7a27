"""Images that a model makes: reconstructions, samples from the prior, traversals of a latent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vaescope.distributions.posteriors import Point
from vaescope.distributions.priors import Prior
from vaescope.errors import InputError

_AT_A_TIME = 256  # images


class Generation(pl.LightningModule):
    """What a trained model is looked at by, in evaluation mode and without gradients.

    Images and codes may lie on any device; what comes back lies on the model's.
    """

    image_shape: tuple[int, ...]
    latent_dim: int
    posterior: Any  # a class of `distributions.posteriors`
    prior: Prior
    encode: Callable[[Tensor], Any]
    decode_mean: Callable[[Tensor], Tensor]

    def reconstruct(self, images: Tensor | np.ndarray) -> Tensor:
        """Expected images of the posterior means of ``images [N, ...]``, ``[N, ...]``."""
        with _looking(self):
            parts = self._as_images(images).split(_AT_A_TIME)
            return torch.cat([self.decode_mean(self.encode(part).mean) for part in parts])

    def sample(self, count: int, seed: int | None = None) -> Tensor:
        """Expected images of ``count`` codes drawn from the prior, ``[count, ...]``.

        Args:
            count: at least 1.
            seed: of the draw, the same on every device; None: torch's global generator goes on.

        Raises:
            InputError: of a method without a prior.
        """
        if self.posterior is Point:
            raise InputError(
                f"{type(self).__name__} has no prior to draw codes from; decode codes of images"
            )
        if count < 1:
            raise InputError(f"count={count}: give at least 1")
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.latent_dim, generator=generator)
        with _looking(self):
            codes = self.prior.sample(noise.to(next(self.parameters())))
            return torch.cat([self.decode_mean(part) for part in codes.split(_AT_A_TIME)])

    def traverse(
        self, images: Tensor | np.ndarray, latent: int, values: Sequence[float] | Tensor
    ) -> Tensor:
        """Expected images while one latent moves and the others stay at their posterior means.

        Args:
            images: where to start ``[N, ...]``.
            latent: which one, 0..D-1.
            values: that it takes, V of them.

        Returns:
            Images ``[N, V, ...]``.
        """
        if not 0 <= latent < self.latent_dim:
            raise InputError(f"latent={latent}: there are 0..{self.latent_dim - 1}")
        with _looking(self):
            means = [self.encode(part).mean for part in self._as_images(images).split(_AT_A_TIME)]
            moved = torch.as_tensor(values).to(means[0]).flatten()
            codes = torch.cat(means)[:, None].repeat(1, len(moved), 1)
            codes[:, :, latent] = moved
            parts = [self.decode_mean(part) for part in codes.flatten(0, 1).split(_AT_A_TIME)]
            return torch.cat(parts).unflatten(0, codes.shape[:2])

    def _as_images(self, images: Tensor | np.ndarray) -> Tensor:
        """Images as the encoder takes them."""
        images = torch.as_tensor(images)
        shape, wanted = list(images.shape), list(self.image_shape)
        if shape[1:] != wanted or not shape[:1] or not shape[0]:
            one = "; of one image give image[None]" if shape == wanted else ""
            raise InputError(f"images {shape} were given, the model takes {['N', *wanted]}{one}")
        if not images.is_floating_point():
            raise InputError(f"images are {images.dtype}; give numbers in [0, 1], images / 255")
        return images.to(next(self.parameters()))


@contextmanager
def _looking(module: pl.LightningModule) -> Iterator[None]:
    """Evaluation mode without gradients; the module's own mode afterwards."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)
