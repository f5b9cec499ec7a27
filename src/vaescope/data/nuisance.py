"""Random numbers for what is no factor (noise, colours, places): a pure function of a draw.

Unlike ``vaescope.streams`` every image has its own numbers, whole batches are made at once, on the
device of the images, and every device makes the same ones.
"""

import torch
from torch import Tensor

# a bijection of 32 bits: multiplications spread each bit upwards, shifted copies downwards
_MULTIPLIERS = (0x7FEB352D, 0x846CA68B - 2**32)
_ROUNDS = (0x3C6EF372, 0x1B873593, 0x2545F491)


def uniform(draw: Tensor, count: int) -> Tensor:
    """Uniform random numbers float32 `[B, count]` in [0, 1), multiples of 2^-16.

    A counter-based hash: number ``n`` of an image is hashed with 64 bits that follow one to one
    from its draw. Only int32 arithmetic, which wraps, so the numbers are the same on every
    (little-endian) device; they do not depend on the batch, nor the first ones on ``count``.

    Args:
        draw: int64 `[B]`; equal draws give equal numbers, different ones unrelated numbers.
        count: numbers per image.

    Source: Wellons 2018, "Prospecting for hash functions",
    https://nullprogram.com/blog/2018/07/31/ (the 32-bit permutation "lowbias32"). Differs: keyed
    by 32 bits before and 32 bits between its multiplications; each result gives two numbers.
    """
    first, second = _keys(draw)
    counter = torch.arange((count + 1) // 2, dtype=torch.int32, device=draw.device)
    words = _mix(first[:, None] ^ _mix(counter), second[:, None])
    halves = words.view(torch.int16)[:, :count]
    return halves.float().add_(2**15).mul_(2**-16)


def _keys(draw: Tensor) -> tuple[Tensor, Tensor]:
    """Two words int32 `[B]`, together a permutation of the draw (a Feistel network)."""
    left, right = draw.contiguous().view(torch.int32).view(-1, 2).unbind(1)
    for constant in _ROUNDS:
        left, right = right, left ^ _mix(right ^ constant)
    return left, right


def _mix(word: Tensor, key: Tensor | int = 0) -> Tensor:
    """A permutation of int32 words in which every bit depends on every bit of ``word``."""
    # >> copies the sign, the masks make it a shift of unsigned numbers
    word = (word ^ (word >> 16 & 0xFFFF)) * _MULTIPLIERS[0]
    word = word ^ key
    word = (word ^ (word >> 15 & 0x1FFFF)) * _MULTIPLIERS[1]
    return word ^ (word >> 16 & 0xFFFF)
