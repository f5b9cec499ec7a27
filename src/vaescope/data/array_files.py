"""Arrays in a user's own npy, npz and HDF5 files: their headers, whole, or piece by piece."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vaescope.data.reading import open_hdf5, read_past
from vaescope.errors import ConfigError, DataError

HDF5 = (".h5", ".hdf5")
SUFFIXES = (".npy", ".npz", *HDF5)
_BYTES_AT_ONCE = 2**25
_DAMAGE: tuple[type[Exception], ...] = (
    *(OSError, EOFError, KeyError, TypeError, ValueError),
    *(zlib.error, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class Header:
    """What a file says of one array.

    Args:
        shape: its shape.
        dtype: its type.
        fortran: whether it is stored column by column.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


def headers(path: Path) -> dict[str, Header]:
    """Headers of all arrays in a file, by their keys; an npy file's only one is called by its stem.

    Raises:
        ConfigError: the file is of another kind.
        DataError: it is missing or damaged.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path} was given; choose a file that ends in {', '.join(SUFFIXES)}")
    with damage_told(path):
        if path.suffix == ".npy":
            return {path.stem: _npy_file_header(path)}
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")]
                return {name.removesuffix(".npy"): _member_header(archive, name) for name in names}
        return _hdf5_headers(path)


def read_array(path: Path, key: str) -> np.ndarray:
    """One array as a whole; text in HDF5 files becomes numpy's.

    Raises:
        DataError: it is damaged or holds Python objects.
    """
    with damage_told(path):
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return archive[key]
        with open_hdf5(path) as file:
            node = file[key]
            is_text = node.dtype.kind in "OS"
            return np.asarray(node.asstr()[()], dtype=str) if is_text else np.asarray(node)


def array_pieces(path: Path, key: str, start: int) -> Iterator[np.ndarray]:
    """The rows of one array from ``start`` on, in pieces of about 32 MB.

    Raises:
        DataError: it is cut short or damaged.
    """
    header = headers(path)[key]
    row = max(1, math.prod(header.shape[1:]) * header.dtype.itemsize)
    at_once = max(1, _BYTES_AT_ONCE // row)
    with damage_told(path):
        if path.suffix == ".npz" and not header.fortran:
            yield from _npz_pieces(path, key, start, at_once)
        elif path.suffix in HDF5:
            with open_hdf5(path) as file:
                for first in range(start, header.shape[0], at_once):
                    yield np.asarray(file[key][first : first + at_once])
        else:
            # column by column there are no rows that could be read one after the other
            is_npy = path.suffix == ".npy"
            array = np.load(path, "r", allow_pickle=False) if is_npy else read_array(path, key)
            for first in range(start, header.shape[0], at_once):
                yield np.asarray(array[first : first + at_once])


@contextmanager
def damage_told(path: Path, *more: type[Exception]) -> Iterator[None]:
    """Errors of a file that cannot be read, as a ``DataError`` that says what to do.

    Args:
        path: the file.
        more: further errors that a damaged file of this format raises.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}; check the path") from error
    except (*_DAMAGE, *more) as error:
        raise DataError(
            f"{path} cannot be read, it is cut short, damaged or holds Python objects "
            f"({type(error).__name__}: {error}); write it again"
        ) from error


def _hdf5_headers(path: Path) -> dict[str, Header]:
    found = {}

    def keep(name: str, node: Any) -> None:
        if getattr(node, "shape", None) is not None:  # a group has none
            found[name] = Header(node.shape, node.dtype)

    with open_hdf5(path) as file:
        file.visititems(keep)
    return found


def _npz_pieces(path: Path, key: str, start: int, at_once: int) -> Iterator[np.ndarray]:
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
        header = _header(member)
        row = math.prod(header.shape[1:]) * header.dtype.itemsize
        read_past(member, start * row)
        for first in range(start, header.shape[0], at_once):
            count = min(at_once, header.shape[0] - first)
            content = member.read(count * row)
            if len(content) < count * row:
                raise EOFError(f"{key} ends in row {first + len(content) // row}")
            yield np.frombuffer(content, header.dtype).reshape(count, *header.shape[1:])
        if member.read(1):  # the member's checksum is compared at its very end
            raise ValueError(f"{key} is longer than its header says")


def _npy_file_header(path: Path) -> Header:
    with path.open("rb") as file:
        header = _header(file)
        expected = file.tell() + math.prod(header.shape) * header.dtype.itemsize
    if path.stat().st_size < expected and not header.dtype.hasobject:
        raise EOFError(f"it has {path.stat().st_size:,} of {expected:,} bytes")
    return header


def _member_header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        return _header(member)


def _header(file: IO[bytes]) -> Header:
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    return Header(shape, dtype, fortran)
