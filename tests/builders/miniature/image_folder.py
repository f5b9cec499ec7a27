"""A user's own folder: 96 png and jpg pictures in two folders, and a csv file of their factors."""

import csv

import numpy as np
from PIL import Image

from builders.miniature import arrays

NUM = arrays.NUM
TINTS = {"85": "dark", "170": "medium", "255": "bright"}


def path(folder):
    return folder / "own" / "pictures"


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return [
        "data=image_folder",
        f"data.path='{path(folder)}'",
        "data.factor_values=factors.csv",
        f"data_dir='{folder}'",
    ]


def rows():
    """Names of the pictures and their factors, as text, by the columns of the csv file."""
    for number, (column, row, brightness) in enumerate(arrays.values()):
        name = f"{'ab'[number % 2]}/{number:03d}.{'jpg' if number % 5 == 0 else 'png'}"
        yield {
            "column": str(column),
            "file": name,
            "depth": str(row / 8),
            "tint": TINTS[str(brightness)],
        }


def write(folder):
    place = path(folder)
    for sub in "ab":
        (place / sub).mkdir(parents=True, exist_ok=True)
    with (place / "factors.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["column", "file", "depth", "tint"])
        table.writeheader()
        for row, image in zip(rows(), arrays.images(), strict=True):
            table.writerow(row)
            Image.fromarray(np.repeat(np.repeat(image, 2, 0), 2, 1)).save(
                place / row["file"], quality=100
            )


def shrink(monkeypatch, folder):
    """Write the files below ``folder``; a user's own data have any size."""
    if not path(folder).exists():
        write(folder)
