"""Falcor3D with two levels of each factor: 128 pictures of true size and a table of labels."""

import functools
import io
from dataclasses import replace

import numpy as np
from PIL import Image

from vaescope.data.sets.falcor3d_isaac3d import Falcor3D

DATASET = Falcor3D
SIZES = (2,) * 7
LABELS = "train-rec.labels"
PLACE = "falcor3d/Falcor3D_down128"


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=falcor3d", f"data_dir='{folder}'"]


def write(folder):
    write_rendered(folder / PLACE, LABELS, SIZES)


def shrink(monkeypatch, folder):
    """Have the class take what lies below ``folder`` for the published files; write it first."""
    if not (folder / PLACE).exists():
        write(folder)
    monkeypatch.setattr(DATASET, "factors", replace(DATASET.factors, sizes=SIZES))


def pixels(combination):
    """Red and green say which combination of factors it is, blue grows to the right."""
    image = np.empty((128, 128, 3), np.uint8)
    image[..., 0] = combination % 256
    image[..., 1] = combination // 256
    image[..., 2] = np.arange(128)
    return image


@functools.cache
def png(combination):
    content = io.BytesIO()
    Image.fromarray(pixels(combination)).save(content, "PNG", compress_level=1)
    return content.getvalue()


def file_order(sizes):
    """Which combination each picture shows: not in their order."""
    return np.random.default_rng(0).permutation(int(np.prod(sizes)))


def labels(sizes):
    """Levels float64 `[N, K]` in [0, 1] of each picture."""
    values = np.stack(np.unravel_index(file_order(sizes), sizes), axis=1)
    return values / (np.array(sizes) - 1)


def write_rendered(place, labels_file, sizes):
    (place / "images").mkdir(parents=True, exist_ok=True)
    with (place / labels_file).open("wb") as file:
        np.save(file, labels(sizes))
    for number, combination in enumerate(file_order(sizes)):
        (place / "images" / f"{number:06d}.png").write_bytes(png(combination))
