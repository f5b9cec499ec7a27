"""Additive decoder: a sum of images, each of a block of latents of its own."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaescope.ranges import Width, in_range

Pair = tuple[nn.Module, nn.Module]


@in_range
def additive(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    of: Callable[[tuple[int, ...], int, int], Pair],
    block_size: Width = 1,
) -> Pair:
    """The encoder of a network, and a decoder that is the sum of such decoders, one for each block.

    Latents of different blocks do not interact in the decoder's output: its mixed second
    derivatives are 0. With a Bernoulli likelihood it is the logits that are summed.

    Args:
        of: the network, a factory as all others are.
        block_size: neighbouring latents that share a decoder; the last block has what is left.

    Source: Lachapelle et al. 2023, https://arxiv.org/abs/2307.02598, definition 1. Differs: the
    paper's blocks may be of any sizes and its images are means of normal distributions.
    Cost: as many decoders as there are blocks, with weights of their own.

    Example:
        >>> from vaescope.networks import linear
        >>> _, decoder = additive((5,), 6, 3, of=linear, block_size=2)
        >>> [block[0].in_features for block in decoder.decoders]
        [2, 1]
    """
    encoder, _ = of(image_shape, num_parameters, latent_dim)
    starts = range(0, latent_dim, block_size)
    sizes = [min(block_size, latent_dim - start) for start in starts]
    return encoder, BlockSum([of(image_shape, num_parameters, size)[1] for size in sizes], sizes)


class BlockSum(nn.Module):
    """Sum of what each decoder makes of its own block of a code's latents.

    Args:
        decoders: one for each block, ``[B, size] -> [B, ...]``.
        sizes: number of latents of each block, in order.
    """

    def __init__(self, decoders: list[nn.Module], sizes: list[int]) -> None:
        super().__init__()
        self.decoders, self.sizes = nn.ModuleList(decoders), sizes

    def forward(self, z: Tensor) -> Tensor:
        """Codes ``[B, D]`` to outputs ``[B, ...]``."""
        blocks = zip(self.decoders, z.split(self.sizes, dim=-1), strict=True)
        return torch.stack([decoder(block) for decoder, block in blocks]).sum(0)
