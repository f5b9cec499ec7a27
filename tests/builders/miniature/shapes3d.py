"""Shapes3D with 128 images: one gzipped hdf5 file, whose chunks hold many images but few pixels."""

from dataclasses import replace

import h5py
import numpy as np

from builders.miniature import with_files
from builders.stamps import grid, stamped
from vaescope.data.factors import Factors
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets.shapes3d import Shapes3D

DATASET = Shapes3D
SIZES = (2, 2, 2, 2, 2, 4)
CHUNKS = (24, 4, 4, 1)
LABELS = ([0, 0.1], [0, 0.1], [0, 0.1], [0.75, 1.25], [0, 1], np.linspace(-30, 30, 4))
(FILE,) = Shapes3D.data_source.files
FACTORS = Factors(Shapes3D.factors.names, SIZES, Shapes3D.factors.kinds)


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=shapes3d", f"data_dir='{folder}'"]


def numbers():
    """Values of the factors `[128, 6]` of the images as the file has them."""
    return grid(SIZES)


def write(folder):
    """Write the file below ``folder``; attributes of the class that go with it."""
    path = folder / Shapes3D.data_source.folder / FILE.name
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.stack([np.take(LABELS[k], numbers()[:, k]) for k in range(6)], axis=1)
    with h5py.File(path, "w") as file:
        images = stamped(numbers(), 64, 64, 3)
        file.create_dataset("images", data=images, chunks=CHUNKS, compression="gzip")
        file["labels"] = labels.astype(np.float64)
    checksum = file_checksum(path, FILE.algorithm)
    changed = replace(FILE, checksum=checksum, num_bytes=path.stat().st_size)
    return {"factors": FACTORS, "data_source": with_files(Shapes3D, changed)}


def shrink(monkeypatch, folder):
    """Write the file below ``folder``, and have the class take it for the published one."""
    for name, value in write(folder).items():
        monkeypatch.setattr(Shapes3D, name, value)
