"""Convolutional encoders and decoders for images of 64 x 64 pixels."""

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from vaescope.networks.initial_weights import Initialisation, initialise
from vaescope.networks.sizes import takes

_IMAGES = "images [C, 64, 64]"


def _is_64(image_shape: tuple[int, ...]) -> bool:
    return len(image_shape) == 3 and image_shape[1:] == (64, 64)


@takes(_IMAGES, _is_64)
def conv64(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of disentanglement_lib: four strided convolutions and a dense layer.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, table 1, with the 2x2 kernels
    of its published code. Differs: none.

    Example:
        >>> import torch
        >>> encoder, decoder = conv64((1, 64, 64), num_parameters=20, latent_dim=10)
        >>> decoder(encoder(torch.zeros(3, 1, 64, 64))[:, :10]).shape
        torch.Size([3, 1, 64, 64])
    """
    channels = image_shape[0]
    encoder = nn.Sequential(
        *halve(channels, 32, 32),
        *halve(32, 64, 64, kernel=2),
        nn.Flatten(),
        *_dense(64 * 4 * 4, 256),
        nn.Linear(256, num_parameters),
    )
    decoder = nn.Sequential(
        *_dense(latent_dim, 256, 64 * 4 * 4),
        nn.Unflatten(1, (64, 4, 4)),
        *_double(64, 64, 32, 32),
        nn.ConvTranspose2d(32, channels, kernel_size=4, stride=2, padding=1),
    )
    return initialise(encoder, initialisation), initialise(decoder, initialisation)


@takes(_IMAGES, _is_64)
def burgess64(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """Encoder of four strided convolutions of 32 channels and two dense 256s; decoder mirrored.

    Source: Burgess et al. 2018, https://arxiv.org/abs/1804.03599, appendix on the architecture.
    Differs: padding and initialisation are not printed there; ours halves each side exactly and
    is Glorot's.

    Example:
        >>> import torch
        >>> encoder, decoder = burgess64((3, 64, 64), num_parameters=20, latent_dim=10)
        >>> encoder(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 20])
    """
    channels = image_shape[0]
    encoder = nn.Sequential(
        *halve(channels, 32, 32, 32, 32),
        nn.Flatten(),
        *_dense(32 * 4 * 4, 256, 256),
        nn.Linear(256, num_parameters),
    )
    decoder = nn.Sequential(
        *_dense(latent_dim, 256, 256, 32 * 4 * 4),
        nn.Unflatten(1, (32, 4, 4)),
        *_double(32, 32, 32, 32),
        nn.ConvTranspose2d(32, channels, kernel_size=4, stride=2, padding=1),
    )
    return initialise(encoder, initialisation), initialise(decoder, initialisation)


def halve(*channels: int, kernel: int = 4) -> Iterator[nn.Module]:
    """Convolutions that halve each side, from channels to channels, each with a ReLU."""
    for a, b in pairwise(channels):
        yield from (nn.Conv2d(a, b, kernel, stride=2, padding=(kernel - 2) // 2), nn.ReLU())


def _double(*channels: int) -> Iterator[nn.Module]:
    """Transposed convolutions that double each side, each with a ReLU."""
    for a, b in pairwise(channels):
        yield from (nn.ConvTranspose2d(a, b, kernel_size=4, stride=2, padding=1), nn.ReLU())


def _dense(*units: int) -> Iterator[nn.Module]:
    for a, b in pairwise(units):
        yield from (nn.Linear(a, b), nn.ReLU())
