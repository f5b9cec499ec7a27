"""Images at a lower resolution: for small networks and short runs."""

from typing import Literal

from torch import Tensor
from torch.nn.functional import avg_pool2d

Smaller = Literal[64, 32, 16, 8]  # sides of images that are published with 64 pixels


def averaged(images: Tensor, side: int) -> Tensor:
    """Means over squares of pixels.

    Args:
        images: `[B, C, S, S]`, S a multiple of ``side``.
        side: of the results, pixels.

    Returns:
        `[B, C, side, side]`; the images themselves where they have that side.

    Example:
        >>> import torch
        >>> averaged(torch.arange(16.0).view(1, 1, 4, 4), 2).tolist()
        [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    every = images.shape[-1] // side
    return images if every == 1 else avg_pool2d(images, every)
