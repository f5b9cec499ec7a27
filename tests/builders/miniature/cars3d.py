"""Cars3D with 8 cars in 24 views: a tar.gz with Matlab files, a list of them and other things."""

import gzip
import io
import tarfile
from dataclasses import replace

from scipy.io import savemat

from builders.miniature import with_files
from builders.stamps import grid, stamped
from vaescope.data.factors import Factors
from vaescope.data.files.checksums import file_checksum
from vaescope.data.sets.cars3d import Cars3D

DATASET = Cars3D
SIZES = (4, 6, 8)  # elevation, azimuth, car
LISTED = [f"car_{number:03d}_mesh" for number in (4, 1, 8, 2, 7, 3, 6, 5)]
(FILE,) = Cars3D.data_source.files
FACTORS = Factors(Cars3D.factors.names, SIZES, Cars3D.factors.kinds)


def overrides(folder):
    """Words of a command line that use what ``write`` has written."""
    return ["data=cars3d", f"data_dir='{folder}'"]


def numbers():
    """Values of the factors `[192, 3]`."""
    return grid(SIZES)


def contents():
    """Content of every file of the archive by its name, cars in the order of their names."""
    files = {"data/sprites/list.txt": b"sprite_1\n", "data/shapes48.mat": b"no car"}
    for name in sorted(LISTED):
        files[f"data/cars/{name}.mat"] = mat(LISTED.index(name))
    return files | {"data/cars/list.txt": "".join(f"{name}\n" for name in LISTED).encode()}


def mat(car):
    """A Matlab file with all views of one car, ``im`` `[128, 128, 3, azimuth, elevation]`."""
    elevations, azimuths, cars = SIZES
    views = stamped(numbers(), 128, 128, 3).reshape(elevations, azimuths, cars, 128, 128, 3)
    image = views[:, :, car].transpose(2, 3, 4, 1, 0)
    file = io.BytesIO()
    savemat(file, {"im": image, "mask": image[:, :, 0] > 0}, do_compression=True)
    made = b"MATLAB 5.0 MAT-file, Platform: GLNXA64"  # scipy writes the time of day here
    return made.ljust(116) + file.getvalue()[116:]


def pack(path, files):
    """Write a tar.gz of files, given by their names and contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # without a time the same files make the same archive
    with (
        gzip.GzipFile(path, "wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def write(folder):
    """Write the archive below ``folder``; attributes of the class that go with it."""
    path = folder / Cars3D.data_source.folder / FILE.name
    pack(path, contents())
    changed = replace(FILE, checksum=file_checksum(path, FILE.algorithm))
    return {"factors": FACTORS, "data_source": with_files(Cars3D, changed)}


def shrink(monkeypatch, folder):
    """Write the archive below ``folder``, and have the class take it for the published one."""
    for name, value in write(folder).items():
        monkeypatch.setattr(Cars3D, name, value)
