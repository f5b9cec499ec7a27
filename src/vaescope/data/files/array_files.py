"""Arrays in a user's own npy, npz, HDF5 and MATLAB files: headers, whole, or piece by piece."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vaescope.data.files.reading import open_hdf5, read_past
from vaescope.errors import ConfigError, DataError

HDF5 = (".h5", ".hdf5", ".hdf", ".he5", ".mat")
SUFFIXES = (".npy", ".npz", *HDF5)
_HDF5_START = b"\x89HDF\r\n\x1a\n"
_MATLAB_NUMBERS = (
    "logical",
    "single",
    "double",
    *(f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)),
)
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
        matlab: MATLAB's class of it, in whose files axes stand in reverse; empty: it is not
            MATLAB's.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False
    matlab: str = ""

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


def headers(path: Path) -> dict[str, Header]:
    """Headers of all arrays in a file, by their keys; an npy file's only one is called by its stem.

    Raises:
        ConfigError: the file is of another kind.
        DataError: it is missing or damaged.
    """
    if _suffix(path) not in SUFFIXES:
        raise ConfigError(f"{path} was given; choose a file that ends in {', '.join(SUFFIXES)}")
    with damage_told(path):
        if is_npy(path):
            return {path.stem: _npy_file_header(path)}
        if _suffix(path) == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")]
                return {name.removesuffix(".npy"): _member_header(archive, name) for name in names}
        return _hdf5_headers(path)


def read_array(path: Path, key: str) -> np.ndarray:
    """One array as a whole; text in HDF5 files becomes numpy's.

    Raises:
        DataError: it is damaged or holds Python objects.
    """
    headers(path)  # of a file that is shorter than it says nothing is read
    with damage_told(path):
        if is_npy(path):
            return np.load(path, allow_pickle=False)
        if _suffix(path) == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return archive[key]
        with open_hdf5(path) as file:
            node, matlab = file[key], _matlab_class(file[key])
            if matlab and matlab not in _MATLAB_NUMBERS:
                raise TypeError(f"{key} is of MATLAB's class {matlab}, not of numbers")
            if matlab:
                return _from_matlab(node[()], matlab)
            is_text = node.dtype.kind in "OS"
            return np.asarray(node.asstr()[()], dtype=str) if is_text else np.asarray(node)


def array_pieces(path: Path, key: str, start: int, axis: int = 0) -> Iterator[np.ndarray]:
    """One array from row ``start`` on, in pieces of about 32 MB that have all its axes.

    Args:
        path: the file.
        key: the array's name in it.
        start: the first row that is wanted.
        axis: whose places are the rows.

    Raises:
        DataError: it is cut short or damaged.
    """
    header = headers(path)[key]
    rows = header.shape[axis]
    row = max(1, math.prod(header.shape) // max(1, rows) * header.dtype.itemsize)
    at_once = max(1, _BYTES_AT_ONCE // row)
    parts = (slice(first, min(first + at_once, rows)) for first in range(start, rows, at_once))
    before: tuple[slice, ...] = (slice(None),) * axis
    with damage_told(path):
        if _suffix(path) == ".npz" and not header.fortran and axis == 0:
            yield from _npz_pieces(path, key, start, at_once)
        elif _suffix(path) in HDF5:
            with open_hdf5(path) as file:
                for part in parts:
                    if header.matlab:
                        after = (slice(None),) * (len(header.shape) - axis - 1)
                        yield _from_matlab(file[key][(*after, part)], header.matlab)
                    else:
                        yield np.asarray(file[key][(*before, part)])
        else:
            # in another order of the axes no rows could be read one after the other
            array = (
                np.load(path, "r", allow_pickle=False) if is_npy(path) else read_array(path, key)
            )
            for part in parts:
                yield np.asarray(array[(*before, part)])


def is_npy(path: Path) -> bool:
    """Whether a file's name says that it holds a single array."""
    return _suffix(path) == ".npy"


def _suffix(path: Path) -> str:
    return path.suffix.lower()


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
        if getattr(node, "shape", None) is None or name.startswith("#"):
            return  # a group, or what MATLAB keeps for itself
        if matlab := _matlab_class(node):
            dtype = np.dtype(bool) if matlab == "logical" else node.dtype
            dtype = dtype if matlab in _MATLAB_NUMBERS else np.dtype(object)
            found[name] = Header(node.shape[::-1], dtype, matlab=matlab)
        else:
            found[name] = Header(node.shape, node.dtype)

    with path.open("rb") as start:
        if start.read(10) == b"MATLAB 5.0":
            start.seek(512)
            if start.read(8) != _HDF5_START:
                raise ValueError("MATLAB wrote it before 7.3: save it there by save(..., '-v7.3')")
    with open_hdf5(path) as file:
        file.visititems(keep)
    return found


def _matlab_class(node: Any) -> str:
    found = node.attrs.get("MATLAB_class", b"")
    return found.decode("latin-1") if isinstance(found, bytes) else str(found)


def _from_matlab(stored: np.ndarray, matlab: str) -> np.ndarray:
    array = np.asarray(stored).T
    return array.astype(bool) if matlab == "logical" else array


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
        _require_bytes("it", path.stat().st_size - file.tell(), header)
    return header


def _member_header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        header = _header(member)
        _require_bytes(name, archive.getinfo(name).file_size - member.tell(), header)
    return header


def _require_bytes(name: str, there: int, header: Header) -> None:
    """Refuse a header that claims more numbers than follow it."""
    claimed = math.prod(header.shape) * header.dtype.itemsize
    if there < claimed and not header.dtype.hasobject:
        raise EOFError(f"{name} has {there:,} of {claimed:,} bytes behind its header")


def _header(file: IO[bytes]) -> Header:
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {list(shape)}")
    return Header(shape, dtype, fortran)
