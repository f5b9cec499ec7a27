"""smallNORB with 160 images: six gzipped matrices, rows shuffled, right images of other pixels."""

import gzip
import struct
from dataclasses import replace

import numpy as np

from builders.miniature import with_files
from builders.stamps import grid, stamped
from vaescope.data.factors import Factors
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets.smallnorb import SmallNORB

DATASET = SmallNORB
SIZES = (5, 2, 2, 4, 2)
FACTORS = Factors(SmallNORB.factors.names, SIZES, SmallNORB.factors.kinds)
MAGIC = {np.dtype("uint8"): 0x1E3D4C55, np.dtype("<i4"): 0x1E3D4C54}
PARTS = (1, 0)  # the toy of each category that the training and the test files have


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=smallnorb", f"data_dir='{folder}'"]


def numbers(part):
    """Values of the factors `[80, 5]` of the training (0) or test (1) images, as they lie there."""
    own = grid(SIZES)
    own = own[own[:, 1] == PARTS[part]]
    return own[np.random.default_rng(part).permutation(len(own))]


def matrix(array):
    """The format of the files: type, number of axes, at least three sides, numbers."""
    sides = array.shape + (1,) * (3 - array.ndim)
    return struct.pack(f"<{2 + len(sides)}i", MAGIC[array.dtype], array.ndim, *sides) + (
        array.tobytes()
    )


def arrays():
    """The arrays of the six files in their order."""
    made = []
    for part in range(2):
        values = numbers(part)
        left = stamped(values, 96, 96, 1)[..., 0]
        info = values[:, 1:] * [1, 1, 2, 1]  # the azimuth is counted in tens of degrees
        pairs = np.stack([left, 255 - left], axis=1)
        made += [pairs, values[:, 0].astype("<i4"), info.astype("<i4")]
    return made


def contents():
    """Decompressed content of every file by its published name."""
    names = [file.name for file in SmallNORB.data_source.files]
    return dict(zip(names, map(matrix, arrays()), strict=True))


def write(folder):
    """Write the files below ``folder``; attributes of the class that go with them."""
    place = folder / SmallNORB.data_source.folder
    place.mkdir(parents=True, exist_ok=True)
    published = []
    for file in SmallNORB.data_source.files:
        path = place / file.name
        path.write_bytes(gzip.compress(contents()[file.name], mtime=0))
        checksum, num_bytes = file_checksum(path, file.algorithm), path.stat().st_size
        published.append(replace(file, checksum=checksum, num_bytes=num_bytes))
    return {
        "factors": FACTORS,
        "data_source": with_files(SmallNORB, *published),
    }


def shrink(monkeypatch, folder):
    """Write the files below ``folder``, and have the class take them for the published ones."""
    for name, value in write(folder).items():
        monkeypatch.setattr(SmallNORB, name, value)
