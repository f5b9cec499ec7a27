"""Convolutional encoders and decoders for images."""

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

from torch import nn

from vaescope.networks.initial_weights import Initialisation, initialise
from vaescope.networks.sizes import takes
from vaescope.ranges import Width, in_range

_IMAGES = "images [C, 64, 64]"
_SMALLEST, _LARGEST = 16, 256  # sides that conv takes, in pixels
_CHANNELS = (64, 64, 32, 32, 16, 8)  # of conv's feature maps, from the smallest map on


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


def _is_16_to_256(image_shape: tuple[int, ...]) -> bool:
    return len(image_shape) == 3 and all(_SMALLEST <= n <= _LARGEST for n in image_shape[1:])


@takes(f"images [C, H, W] with H and W from {_SMALLEST} to {_LARGEST}", _is_16_to_256)
@in_range
def conv(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    width: Width = 64,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """The family of conv64 for images of 16 to 256 pixels a side, of any ratio.

    Each side is halved until it has 3 to 5 pixels: kernels of 4 with stride 2, rounded down; a side
    that is there already keeps its size (kernel 3, stride 1). The decoder goes back through the
    same sizes. Feature maps have 64, 64, 32, 32, 16 and 8 channels from the smallest on, so that
    each of the outer layers costs the same.

    Args:
        width: channels of the smallest map; the others change in proportion, the dense layers'
            256 units do not.

    Source: none; at 64 x 64 the decoder is that of conv64, whose encoder has two kernels of 2.

    Example:
        >>> import torch
        >>> encoder, decoder = conv((3, 96, 129), num_parameters=20, latent_dim=10)
        >>> decoder(encoder(torch.zeros(2, 3, 96, 129))[:, :10]).shape
        torch.Size([2, 3, 96, 129])
    """
    sizes = _halved(image_shape[1:])
    inner = (max(1, width * count // _CHANNELS[0]) for count in _CHANNELS[: len(sizes) - 1])
    channels = (*inner, image_shape[0])
    features = channels[0] * sizes[0][0] * sizes[0][1]
    steps = list(zip(pairwise(channels), pairwise(sizes), strict=True))
    encoder = nn.Sequential(
        *chain(*((_shrink(*step), nn.ReLU()) for step in reversed(steps))),
        nn.Flatten(),
        *_dense(features, 256),
        nn.Linear(256, num_parameters),
    )
    decoder = nn.Sequential(
        *_dense(latent_dim, 256, features),
        nn.Unflatten(1, (channels[0], *sizes[0])),
        *chain(*((_grow(*step), nn.ReLU()) for step in steps[:-1])),
        _grow(*steps[-1]),
    )
    return initialise(encoder, initialisation), initialise(decoder, initialisation)


def _halved(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Sizes of the feature maps, from the smallest to the image."""
    sizes = [size]
    while max(sizes[0]) > 5:
        sizes.insert(0, tuple(n // 2 if n > 5 else n for n in sizes[0]))
    return sizes


def _shrink(channels: tuple[int, int], sizes: tuple[tuple[int, ...], tuple[int, ...]]) -> nn.Conv2d:
    """From the larger of two sizes to the smaller."""
    kernel, stride = _kernel(*sizes)
    return nn.Conv2d(channels[1], channels[0], kernel, stride, padding=1)


def _grow(
    channels: tuple[int, int], sizes: tuple[tuple[int, ...], tuple[int, ...]]
) -> nn.ConvTranspose2d:
    """From the smaller of two sizes to the larger, also where that is odd."""
    small, large = sizes
    kernel, stride = _kernel(small, large)
    above, beside = (b - a * by for a, b, by in zip(small, large, stride, strict=True))
    more = (above, beside)
    return nn.ConvTranspose2d(*channels, kernel, stride, padding=1, output_padding=more)


def _kernel(
    small: tuple[int, ...], large: tuple[int, ...]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Sizes and strides of the kernel of a layer between feature maps of these two sizes."""
    down, across = (1 if a == b else 2 for a, b in zip(small, large, strict=True))
    return (2 + down, 2 + across), (down, across)


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
