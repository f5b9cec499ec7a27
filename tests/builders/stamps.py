"""Images that carry numbers in their pixels, and the numbers read from them again."""

import numpy as np


def stamped(numbers, height, width, channels):
    """Images uint8 `[N, H, W, C]`: one band of rows for each of the K numbers `[N, K]`, 0..9."""
    count = numbers.shape[1]
    bands = numbers[:, np.arange(height) * count // height]
    tint = 3 * np.arange(channels)
    pixels = 20 + 20 * bands[:, :, None, None] + tint
    return np.broadcast_to(pixels, (len(numbers), height, width, channels)).astype(np.uint8)


def read(images, count):
    """Numbers `[N, K]` in the middles of the bands of images float `[N, C, H, W]` in [0, 1]."""
    pixels = np.rint(np.asarray(images) * 255).astype(int)
    channels, height, width = pixels.shape[1:]
    rows = ((np.arange(count) + 0.5) * height / count).astype(int)
    middles = pixels[:, :, rows, width // 2] - 3 * np.arange(channels)[:, None]
    assert (middles == middles[:, :1]).all()
    assert not (middles % 20).any()
    return middles[:, 0] // 20 - 1


def grid(sizes):
    """All combinations of numbers `[prod(sizes), K]`, the last one fastest."""
    return np.indices(sizes).reshape(len(sizes), -1).T
