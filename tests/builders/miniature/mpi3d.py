"""MPI3D with 192 or 128 images per variant: compressed npz files of one array, ``images``."""

from dataclasses import replace

import numpy as np

from builders.stamps import grid, stamped
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets import mpi3d
from vaescope.data.sets.mpi3d import MPI3D

DATASET = MPI3D
SIZES = (3, 2, 2, 2, 2, 2, 2)
FEWER = (2, 2, 2, 2, 2, 2, 2)
VARIANTS = mpi3d.VARIANTS


def overrides(folder, variant="toy"):
    """Words of a command line that use what ``write`` has written."""
    return [f"data=mpi3d_{variant}", f"data_dir='{folder}'"]


def sizes(variant):
    """Numbers of values: a variant that has fewer has fewer here."""
    return FEWER if variant in ("complex", "challenge") else SIZES


def numbers(variant):
    """Values of the factors `[N, 7]` of the images as the file has them."""
    return grid(sizes(variant))


def images(variant):
    """Images uint8 `[N, 64, 64, 3]`, lighter from one variant to the next."""
    tone = list(VARIANTS).index(variant)
    return stamped(numbers(variant), 64, 64, 3) + np.uint8(tone)


def write(folder):
    """Write all files below ``folder``; the variants that go with them."""
    place = folder / MPI3D.data_source.folder
    place.mkdir(parents=True, exist_ok=True)
    variants = {}
    for name, variant in VARIANTS.items():
        (file,) = variant.source.files
        path = place / file.name
        np.savez_compressed(path, images=images(name))
        checksum = file_checksum(path, "md5") if file.algorithm else ""
        source = replace(variant.source, files=(replace(file, checksum=checksum),))
        factors = replace(variant.factors, sizes=sizes(name))
        variants[name] = replace(variant, source=source, factors=factors)
    return {"VARIANTS": variants}


def shrink(monkeypatch, folder):
    """Write the files below ``folder``, and have the module take them for the published ones."""
    for name, value in write(folder).items():
        monkeypatch.setattr(mpi3d, name, value)
