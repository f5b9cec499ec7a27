"""Wide residual network (ResNet): encoder and decoder for images."""

from torch import Tensor, nn

from vaescope.networks.initial_weights import Initialisation, initialise
from vaescope.networks.sizes import is_square, takes
from vaescope.ranges import Depth, Width, in_range

# channels that are normalised together
_GROUP = 16


def _halvings(image_shape: tuple[int, ...]) -> int:
    """How often a square image is halved until 4 to 7 pixels a side are left; 0: it cannot be."""
    for halvings in range(1, image_shape[-1].bit_length()):
        smallest, rest = divmod(image_shape[-1], 2**halvings)
        if not rest and 4 <= smallest <= 7:
            return halvings
    return 0


@takes(
    "square images [C, S, S] with S = 4, 5, 6 or 7 times 2, 4, 8, ...",
    lambda shape: is_square(shape) and _halvings(shape) > 0,
)
@in_range
def wide_residual(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    width: Width = 32,
    num_blocks: Depth = 2,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """Residual blocks at every resolution, channels doubled whenever the image is halved.

    Args:
        image_shape: ``(C, S, S)`` with S = 4, 5, 6 or 7 times a power of 2, at least 8.
        width: channels at the full resolution, a multiple of 16.
        num_blocks: residual blocks at each resolution.

    Source: block of Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146, with the
    normalisation of Wu & He 2018, https://arxiv.org/abs/1803.08494, 16 channels a group; number
    and widths of the blocks as in the published code of Hsu et al. 2024,
    https://arxiv.org/abs/2404.10282. Differs: from the first, the normalisation, for batch
    statistics would tie images together; from the last, dense layers in place of the encoder's
    mean over pixels and of the decoder's constant input with styles, and pre-activation.

    Example:
        >>> import torch
        >>> encoder, decoder = wide_residual((1, 8, 8), 6, 3, width=16, num_blocks=1)
        >>> decoder(torch.zeros(2, 3)).shape
        torch.Size([2, 1, 8, 8])
    """
    halvings = _halvings(image_shape)
    if width < _GROUP or width % _GROUP:
        raise ValueError(f"width={width}: a multiple of {_GROUP}, which are normalised together")
    colours, _, side = image_shape
    widths = [width << level for level in range(halvings + 1)]
    smallest = (widths[-1], side >> halvings, side >> halvings)
    features = smallest[0] * smallest[1] * smallest[2]
    encoder = nn.Sequential(
        nn.Conv2d(colours, width, kernel_size=3, padding=1),
        *(layer for wide in widths[:-1] for layer in _down(wide, num_blocks)),
        *_activated(widths[-1]),
        nn.Flatten(),
        nn.Linear(features, num_parameters),
    )
    decoder = nn.Sequential(
        nn.Linear(latent_dim, features),
        nn.Unflatten(1, smallest),
        *(layer for wide in widths[:0:-1] for layer in _up(wide, num_blocks)),
        *_activated(width),
        nn.Conv2d(width, colours, kernel_size=3, padding=1),
    )
    return initialise(encoder, initialisation), initialise(decoder, initialisation)


class ResidualBlock(nn.Module):
    """Input plus two normalised 3 x 3 convolutions of it; the number of channels stays.

    Args:
        channels: C, a multiple of 16.

    Source: Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146, figure 1a. Differs:
    group normalisation, biases.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_activated(channels),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            *_activated(channels),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features ``[B, C, H, W]`` to features of the same shape."""
        return x + self.body(x)


class GroupNorm(nn.GroupNorm):
    """Group normalisation that forward-mode differentiation takes in any memory layout."""

    def forward(self, input: Tensor) -> Tensor:
        """Features ``[B, C, H, W]`` to features of the same shape."""
        # torch 2.13: its derivative in forward mode fails on images with the channels last
        return super().forward(input.contiguous())


def _activated(channels: int) -> tuple[nn.Module, nn.Module]:
    return GroupNorm(channels // _GROUP, channels), nn.ReLU()


def _down(channels: int, num_blocks: int) -> list[nn.Module]:
    blocks = [ResidualBlock(channels) for _ in range(num_blocks)]
    return [*blocks, nn.Conv2d(channels, 2 * channels, kernel_size=2, stride=2)]


def _up(channels: int, num_blocks: int) -> list[nn.Module]:
    blocks = [ResidualBlock(channels) for _ in range(num_blocks)]
    convolution = nn.Conv2d(channels, channels // 2, kernel_size=3, padding=1)
    return [*blocks, nn.Upsample(scale_factor=2, mode="nearest"), convolution]
