"""Published files read piece by piece; damage found in them is told as a ``DataError``."""

import math
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from vaescope.errors import DataError

_DAMAGE = (
    *(OSError, EOFError, KeyError, ValueError),
    *(zlib.error, zipfile.BadZipFile, tarfile.TarError),
)
_AT_ONCE = 4096  # images
_PASSED_AT_ONCE = 2**20  # bytes


@contextmanager
def damage_told(path: Path, title: str, *more: type[Exception]) -> Iterator[None]:
    """Errors of a file that cannot be read, as a ``DataError`` that says what to do.

    Args:
        path: the file.
        title: its data set, for people.
        more: further errors that a damaged file of this format raises.
    """
    known: tuple[type[Exception], ...] = (*_DAMAGE, *more)
    try:
        yield
    except known as error:
        raise DataError(
            f"{path} cannot be read, it is cut short, damaged or no file of {title} "
            f"({type(error).__name__}: {error}); delete it and fetch it again"
        ) from error


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """The hdf5 file at ``path``, read only.

    Raises:
        DataError: it would have the library read other files, as if they were parts of it.
    """
    import h5py  # slow to load, and few sets need it

    with h5py.File(path, "r") as file:
        if others := _other_files(file):
            name, other = others[0]
            raise DataError(f"{path}: {name} lies in another file, {other}; copy it into this one")
        yield file


def _other_files(file: Any) -> list[tuple[str, str]]:
    """Names in an hdf5 file that stand for content of other files, and these files."""
    import h5py

    found: list[tuple[str, str]] = []

    def look_at_link(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            found.append((name, link.filename))

    def look_at(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            parts = node.virtual_sources() if node.is_virtual else ()
            files = [part.file_name for part in parts if part.file_name != "."]
            found.extend((name, str(f)) for f in (*files, *(e[0] for e in node.external or ())))

    try:
        file.visititems_links(look_at_link)
        file.visititems(look_at)
    except RuntimeError as error:  # so h5py tells of damage
        raise OSError(f"its contents cannot be listed: {error}") from error
    return found


def npz_shape(path: Path, key: str) -> tuple[int, ...] | None:
    """Shape of the array ``key`` in an npz file; None: there is none that can be read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
            return _npy_header(member)[0]
    except _DAMAGE:
        return None


def npz_images(
    path: Path, key: str, shape: tuple[int, ...], start: int, title: str
) -> Iterator[np.ndarray]:
    """Images in an npz file from number ``start`` on, in pieces uint8 `[b, H, W, C]`.

    Never more than one piece is in memory.

    Args:
        path: the file, compressed or not.
        key: the array's name.
        shape: what it has to hold, `[N, H, W, C]`; N may be spread over several leading axes.
        start: number of the first image that is wanted.
        title: the data set, for people.

    Raises:
        DataError: the file is cut short, damaged or laid out differently.
    """
    row = math.prod(shape[1:])
    with (
        damage_told(path, title),
        zipfile.ZipFile(path) as archive,
        archive.open(f"{key}.npy") as member,
    ):
        found, fortran, dtype = _npy_header(member)
        as_rows = (math.prod(found[:-3]), *found[-3:])
        if as_rows != shape or fortran or dtype != np.uint8:
            raise ValueError(f"{key} is {dtype} {list(found)}, expected uint8 {list(shape)}")
        read_past(member, start * row)
        for first in range(start, shape[0], _AT_ONCE):
            count = min(_AT_ONCE, shape[0] - first)
            content = member.read(count * row)
            if len(content) < count * row:
                raise EOFError(f"{key} ends in image {first + len(content) // row}")
            # at its end the member's checksum is compared: before the last images are given away
            if first + count == shape[0] and member.read(1):
                raise ValueError(f"{key} is longer than its header says")
            yield np.frombuffer(content, np.uint8).reshape(count, *shape[1:])


def read_past(member: IO[bytes], count: int) -> None:
    """Read the next ``count`` bytes of an archive's member and forget them.

    A seek would do, but from Python 3.13 on the checksum is no longer compared after one.

    Raises:
        EOFError: the member ends before.
    """
    while count > 0:
        passed = len(member.read(min(count, _PASSED_AT_ONCE)))
        if not passed:
            raise EOFError(f"{count} bytes are missing")
        count -= passed


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
