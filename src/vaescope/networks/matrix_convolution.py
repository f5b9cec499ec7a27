"""Convolutions as matrix products (im2col), of which those of many networks are one batched one."""

import torch.nn.functional as F
from torch import Tensor, nn


class MatrixConv2d(nn.Conv2d):
    """A convolution as the product of its input's patches with its kernels."""

    def forward(self, input: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` to ``[B, C', H', W']``."""
        pads = _padding(self)
        patches = F.unfold(input, self.kernel_size, padding=pads, stride=self.stride)
        made = patches.transpose(1, 2).flatten(0, 1) @ self.weight.flatten(1).T
        made = made if self.bias is None else made + self.bias.to(made)
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, pads, strict=True)
        places = [(n + 2 * pad - kernel) // stride + 1 for n, kernel, stride, pad in sizes]
        return made.unflatten(0, (len(input), *places)).permute(0, 3, 1, 2)


class MatrixConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution: the product with the kernels, added up where patches overlap."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Images ``[B, C, H, W]`` to ``[B, C', H', W']``."""
        pads = _padding(self)
        columns = input.permute(0, 2, 3, 1).flatten(0, 2) @ self.weight.flatten(1)
        patches = columns.unflatten(0, (len(input), -1)).transpose(1, 2)
        more = self.output_padding
        sizes = zip(input.shape[2:], self.kernel_size, self.stride, pads, more, strict=True)
        shape = tuple((n - 1) * by - 2 * pad + kernel + rest for n, kernel, by, pad, rest in sizes)
        made = F.fold(patches, shape, self.kernel_size, padding=pads, stride=self.stride)
        return made if self.bias is None else made + self.bias.to(made)[:, None, None]


_MATRIX = {nn.Conv2d: MatrixConv2d, nn.ConvTranspose2d: MatrixConvTranspose2d}


def use_matrix_products(network: nn.Module) -> int:
    """Let the convolutions of a network be matrix products, in place; weights stay what they are.

    Those with groups, dilation or padding other than zeros stay as they are.

    Returns:
        The number of layers that were changed.

    Example:
        >>> import torch
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
        and all(more < by for more, by in zip(layer.output_padding, layer.stride, strict=True))
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
