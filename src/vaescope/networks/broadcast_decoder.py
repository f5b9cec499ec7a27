"""Spatial broadcast decoder: the code at every pixel, beside the pixel's coordinates."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vaescope.networks.convolutional import halve
from vaescope.networks.initial_weights import Initialisation, initialise
from vaescope.networks.sizes import is_square, takes
from vaescope.ranges import Depth, Kernel, Width, in_range


@takes("square images [C, S, S] of at least 8 x 8", lambda shape: is_square(shape, at_least=8))
@in_range
def spatial_broadcast(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    num_layers: Depth = 3,
    channels: Width = 64,
    kernel_size: Kernel = 4,
    initialisation: Initialisation = "glorot",
) -> tuple[nn.Module, nn.Module]:
    """Strided convolutional encoder and spatial broadcast decoder.

    Args:
        image_shape: ``(C, S, S)`` with S at least 8.
        num_layers: convolutions of the decoder, the one that makes the image included; at least 1.
        channels: of every hidden convolution of both networks.
        kernel_size: of the decoder's convolutions.

    Source: Watters et al. 2019, https://arxiv.org/abs/1901.07017, algorithm 1 and the appendix's
    table of architectures. Differs: initialisation is not printed there, ours is Glorot's; images
    below 16 x 16 get three strided convolutions instead of four.

    Example:
        >>> encoder, decoder = spatial_broadcast((3, 16, 16), num_parameters=6, latent_dim=3)
        >>> decoder(torch.zeros(2, 3)).shape
        torch.Size([2, 3, 16, 16])
    """
    colours, _, side = image_shape
    halvings = 4 if side >= 16 else 3
    encoder = nn.Sequential(
        *halve(colours, *[channels] * halvings),
        nn.Flatten(),
        nn.Linear(channels * (side >> halvings) ** 2, 256),
        nn.ReLU(),
        nn.Linear(256, num_parameters),
    )
    sizes = [latent_dim + 2, *[channels] * (num_layers - 1), colours]
    layers = [m for a, b in pairwise(sizes) for m in (*_same(a, b, kernel_size), nn.ReLU())]
    decoder = nn.Sequential(Broadcast(side), *layers[:-1])
    return initialise(encoder, initialisation), initialise(decoder, initialisation)


class Broadcast(nn.Module):
    """Code at every pixel of a grid, and the pixel's x and y in [-1, 1] as two more channels.

    Args:
        side: S, pixels along an edge.

    Source: Watters et al. 2019, https://arxiv.org/abs/1901.07017, algorithm 1. Differs: none.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, z: Tensor) -> Tensor:
        """Codes ``[B, D]`` as ``[B, D + 2, S, S]``; the last channels are x, then y."""
        # made here, not kept: an ensemble takes no network with a buffer
        line = torch.linspace(-1, 1, self.side, dtype=z.dtype, device=z.device)
        y, x = torch.meshgrid(line, line, indexing="ij")
        grid = torch.stack((x, y)).expand(len(z), -1, -1, -1)
        tiled = z[:, :, None, None].expand(-1, -1, self.side, self.side)
        return torch.cat((tiled, grid), 1)


def _same(inputs: int, outputs: int, kernel_size: int) -> tuple[nn.Module, ...]:
    """A convolution that keeps the image's size; even kernels have one zero more at the end."""
    before, after = (kernel_size - 1) // 2, kernel_size // 2
    if before == after:
        return (nn.Conv2d(inputs, outputs, kernel_size, padding=before),)
    padding = nn.ZeroPad2d((before, after, before, after))
    return (padding, nn.Conv2d(inputs, outputs, kernel_size))
