"""Convolutions as matrix products (im2col), of which those of many networks are one batched one."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def patches(image: Tensor, layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """What the kernel of a layer sees at each of its places.

    Args:
        image: ``[B, C, H, W]``.
        layer: its kernel, stride and padding.

    Returns:
        ``[B, H', W', C * kernel height * kernel width]``.
    """
    (height, width), (down, right) = layer.kernel_size, layer.stride
    above, left = _padding(layer)
    padded = F.pad(image, (left, left, above, above))
    windows = padded.unfold(2, height, down).unfold(3, width, right)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3)


class MatrixConv2d(nn.Conv2d):
    """A convolution as the product of its input's patches with its kernels."""

    def forward(self, input: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` to ``[B, C', H', W']``."""
        seen = patches(input, self)
        made = seen.flatten(0, 2) @ self.weight.flatten(1).T
        made = made if self.bias is None else made + self.bias.to(made)
        return made.unflatten(0, seen.shape[:3]).permute(0, 3, 1, 2)


class MatrixConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution: the product with the kernels, added up where patches overlap."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Images ``[B, C, H, W]`` to ``[B, C', H', W']``."""
        places = (len(input), *input.shape[2:])
        columns = input.permute(0, 2, 3, 1).flatten(0, 2) @ self.weight.flatten(1)
        sizes = zip(places[1:], self.kernel_size, self.stride, _padding(self), strict=True)
        shape = [(n - 1) * stride - 2 * pad + kernel for n, kernel, stride, pad in sizes]
        blank = columns.new_zeros(len(input), self.out_channels, *shape)
        # adding patches up is the transpose of taking them apart
        _, add_up = torch.func.vjp(partial(patches, layer=self), blank)[:2]
        (made,) = add_up(columns.unflatten(0, places))
        return made if self.bias is None else made + self.bias.to(made)[:, None, None]


_MATRIX = {nn.Conv2d: MatrixConv2d, nn.ConvTranspose2d: MatrixConvTranspose2d}


def use_matrix_products(network: nn.Module) -> int:
    """Let the convolutions of a network be matrix products, in place; weights stay what they are.

    Those with groups, dilation, padding other than zeros or a size of their own stay as they are.

    Returns:
        The number of layers that were changed.

    Example:
        >>> layer = nn.Conv2d(1, 2, 3)
        >>> image, before = torch.ones(1, 1, 4, 4), layer(torch.ones(1, 1, 4, 4))
        >>> use_matrix_products(layer), torch.allclose(layer(image), before)
        (1, True)
    """
    layers = [layer for layer in network.modules() if type(layer) in _MATRIX and _plain(layer)]
    for layer in layers:
        layer.__class__ = _MATRIX[type(layer)]
    return len(layers)


def _padding(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    assert not isinstance(layer.padding, str)  # of a layer that is changed
    above, left = layer.padding
    return above, left


def _plain(layer: nn.Module) -> bool:
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    return (
        layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.output_padding == (0, 0)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
