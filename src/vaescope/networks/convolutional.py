"""Convolutional encoders and decoders for images of 64 x 64 pixels."""

from collections.abc import Iterable, Iterator
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
    convolutions = [*halve(image_shape[0], 32, 32), *halve(32, 64, 64, kernel=2)]
    sizes = (image_shape, num_parameters, latent_dim)
    return _pair(*sizes, convolutions, (256,), (64, 64, 32, 32), initialisation)


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
    convolutions = halve(image_shape[0], 32, 32, 32, 32)
    sizes = (image_shape, num_parameters, latent_dim)
    return _pair(*sizes, convolutions, (256, 256), (32, 32, 32, 32), initialisation)


def _pair(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    convolutions: Iterable[nn.Module],
    hidden: tuple[int, ...],
    channels: tuple[int, ...],
    initialisation: Initialisation,
) -> tuple[nn.Module, nn.Module]:
    """Convolutions to 4 x 4 pixels and dense layers; the decoder's channels, from there back."""
    features = channels[0] * 4 * 4
    encoder = nn.Sequential(
        *convolutions,
        nn.Flatten(),
        *_dense(features, *hidden),
        nn.Linear(hidden[-1], num_parameters),
    )
    decoder = nn.Sequential(
        *_dense(latent_dim, *hidden, features),
        nn.Unflatten(1, (channels[0], 4, 4)),
        *_double(*channels),
        nn.ConvTranspose2d(channels[-1], image_shape[0], kernel_size=4, stride=2, padding=1),
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
