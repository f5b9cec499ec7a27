"""A user's own npz file: 96 images, two factors with gaps in their values and a circular one."""

import numpy as np

NUM = 96


def path(folder):
    return folder / "own" / "squares.npz"


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return [
        "data=arrays",
        f"data.path='{path(folder)}'",
        "data.factor_values=latents",
        "data.factor_names=[column,row,brightness]",
        "data.factor_kinds=[ordinal,ordinal,circular]",
        f"data_dir='{folder}'",
    ]


def values():
    """int64 `[N, 3]`: a column, a row and a brightness, not numbered from 0, in no order."""
    combination = np.random.default_rng(0).permutation(NUM)
    column, row, brightness = np.unravel_index(combination, (8, 4, 3))
    return np.stack([10 + 2 * column, 5 * row, 85 * (1 + brightness)], axis=1)


def images():
    """uint8 `[N, 64, 64, 3]`: a square of six pixels where the values say."""
    drawn = np.zeros((NUM, 64, 64, 3), np.uint8)
    for image, (column, row, brightness) in zip(drawn, values(), strict=True):
        image[row : row + 6, column : column + 6] = brightness, 200, 255 - brightness
    return drawn


def write(folder):
    path(folder).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path(folder), imgs=images(), latents=values())


def shrink(monkeypatch, folder):
    """Write the files below ``folder``; a user's own data have any size."""
    if not path(folder).exists():
        write(folder)
