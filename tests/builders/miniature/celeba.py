"""CelebA with 70 pictures of true size, in the true archive and text files."""

import functools
import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
from PIL import Image

from vaescope.data.sets.celeba import CelebA

DATASET = CelebA
NUM = 70


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=celeba", f"data_dir='{folder}'"]


def pixels(row):
    """Red grows to the right, green downwards, blue with the row."""
    image = np.empty((218, 178, 3), np.uint8)
    image[..., 0] = np.arange(178)
    image[..., 1] = np.arange(218)[:, None]
    image[..., 2] = 3 * row
    return image


def attributes():
    """-1 or 1 `[NUM, 40]`: the bits of the row and of its attribute's number."""
    row, column = np.arange(NUM)[:, None], np.arange(40)
    return np.where((row >> column % 7) & 1, 1, -1)


@functools.cache
def jpg(row):
    content = io.BytesIO()
    Image.fromarray(pixels(row)).save(content, "JPEG", quality=98, subsampling=0)
    return content.getvalue()


def write(folder, zipped=True):
    place = folder / DATASET.data_source.folder
    place.mkdir(parents=True, exist_ok=True)
    names = [f"{row + 1:06d}.jpg" for row in range(NUM)]
    if zipped:
        with zipfile.ZipFile(place / "img_align_celeba.zip", "w") as archive:
            for row, name in enumerate(names):
                archive.writestr(f"img_align_celeba/{name}", jpg(row))
    else:
        (place / "img_align_celeba").mkdir(exist_ok=True)
        for row, name in enumerate(names):
            (place / "img_align_celeba" / name).write_bytes(jpg(row))
    lines = [str(NUM), " ".join(DATASET.attribute_names) + " "]
    for name, values in zip(names, attributes(), strict=True):
        lines.append(f"{name} " + " ".join(f"{value:2d}" for value in values))
    (place / "list_attr_celeba.txt").write_text("\r\n".join(lines) + "\r\n")
    lines = [f"{name} {row % 3}" for row, name in enumerate(names)]
    (place / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")


def shrink(monkeypatch, folder):
    """Have the class take what lies below ``folder`` for the published files; write it first."""
    place = folder / DATASET.data_source.folder
    if not place.exists():
        write(folder)
    monkeypatch.setattr(DATASET, "num_images", NUM)
    files = tuple(as_written(file, place) for file in DATASET.data_source.files)
    monkeypatch.setattr(DATASET, "data_source", replace(DATASET.data_source, files=files))
    monkeypatch.setattr(DATASET, "partition_file", as_written(DATASET.partition_file, place))


def as_written(file, place):
    """The published file with the checksum and the size of the small one, if that is there."""
    path = place / file.name
    if not path.exists():
        return file
    content = path.read_bytes()
    known = file.num_bytes is not None
    return replace(
        file,
        checksum=hashlib.new(file.algorithm, content).hexdigest(),
        num_bytes=len(content) if known else None,
    )
