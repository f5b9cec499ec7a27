"""Convolutional encoder and decoder for images of 64 x 64 pixels."""

import math

from torch import nn

from vaescope.networks.initialise import Initialisation, initialise
from vaescope.networks.sizes import takes


@takes("images [C, 64, 64]", lambda shape: len(shape) == 3 and shape[1:] == (64, 64))
def conv64(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of disentanglement_lib: four strided convolutions and a dense layer.

    Args:
        image_shape: ``(C, 64, 64)``.
        num_parameters: P, what the posterior needs from the encoder for one image.
        latent_dim: D.
        initialisation: rule for the initial weights, see ``initialise``.

    Returns:
        Encoder ``[B, C, 64, 64] -> [B, P]`` and decoder ``[B, D] -> [B, C, 64, 64]``.

    Raises:
        ValueError: if the images are not 64 x 64.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, table 1, with the 2x2 kernels
    of its published code. Differs: none.
    """
    channels = image_shape[0]
    encoder = nn.Sequential(
        *(nn.Conv2d(channels, 32, kernel_size=4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 32, kernel_size=4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, kernel_size=2, stride=2), nn.ReLU()),
        *(nn.Conv2d(64, 64, kernel_size=2, stride=2), nn.ReLU()),
        nn.Flatten(),
        *(nn.Linear(math.prod((64, 4, 4)), 256), nn.ReLU()),
        nn.Linear(256, num_parameters),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent_dim, 256), nn.ReLU()),
        *(nn.Linear(256, math.prod((64, 4, 4))), nn.ReLU()),
        nn.Unflatten(1, (64, 4, 4)),
        *(nn.ConvTranspose2d(64, 64, kernel_size=4, stride=2, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, kernel_size=4, stride=2, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 32, kernel_size=4, stride=2, padding=1), nn.ReLU()),
        nn.ConvTranspose2d(32, channels, kernel_size=4, stride=2, padding=1),
    )
    return initialise(encoder, initialisation), initialise(decoder, initialisation)
