"""npy, npz, HDF5 and MATLAB files: headers, whole arrays, or piece by piece."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vaescope.data.files.damage import report_damage
from vaescope.errors import ConfigError, DataError

HDF5 = (".h5", ".hdf5", ".hdf", ".he5", ".mat")
SUFFIXES = (".npy", ".npz", *HDF5)
_HDF5_START = b"\x89HDF\r\n\x1a\n"
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_MATLAB_NUMBERS = ("logical", "single", "double", *_INTEGERS)
_BYTES_AT_ONCE = 2**25
_PASSED_AT_ONCE = 2**20  # bytes


@dataclass(frozen=True)
class Header:
    """What a file says of one array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False  # stored column by column
    matlab: str = ""  # MATLAB's class of it, in whose files the axes are reversed; empty: not its

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"

    @property
    def num_bytes(self) -> int:
        """Size of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def headers(path: Path, title: str = "") -> dict[str, Header]:
    """Headers of all arrays in a file by their keys; that of an npy file by the file's stem."""
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path} was given; choose a file that ends in {', '.join(SUFFIXES)}")
    with report_damage(path, title):
        if is_npy(path):
            with path.open("rb") as file:
                return {path.stem: _header(file, path.stat().st_size, "it")}
        if path.suffix.lower() == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")]
                return {name.removesuffix(".npy"): _member_header(archive, name) for name in names}
        return _hdf5_headers(path)


def read_array(path: Path, key: str, title: str = "") -> np.ndarray:
    """One array as a whole; text in HDF5 files becomes numpy's, Python objects are refused."""
    headers(path, title)  # a file that is shorter than it says is not read
    with report_damage(path, title):
        if is_npy(path):
            return np.load(path, allow_pickle=False)
        if path.suffix.lower() == ".npz":
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


def array_pieces(
    path: Path, key: str, start: int, axis: int = 0, title: str = ""
) -> Iterator[np.ndarray]:
    """One array from row ``start`` on ``axis``, in pieces of about 32 MB that have all its axes."""
    header = headers(path, title)[key]
    rows = header.shape[axis]
    at_once = max(1, _BYTES_AT_ONCE // max(1, header.num_bytes // max(1, rows)))
    before: tuple[slice, ...] = (slice(None),) * axis
    with report_damage(path, title):
        if path.suffix.lower() == ".npz" and not header.fortran and axis == 0:
            yield from _member_rows(path, key, header.shape, header.dtype, start, at_once)
            return
        parts = (slice(first, min(first + at_once, rows)) for first in range(start, rows, at_once))
        if path.suffix.lower() in HDF5:
            with open_hdf5(path) as file:
                for part in parts:
                    if header.matlab:
                        after = (slice(None),) * (len(header.shape) - axis - 1)
                        yield _from_matlab(file[key][(*after, part)], header.matlab)
                    else:
                        yield np.asarray(file[key][(*before, part)])
            return
        # in another order of the axes no rows could be read one after the other
        array = np.load(path, "r", allow_pickle=False) if is_npy(path) else read_array(path, key)
        for part in parts:
            yield np.asarray(array[(*before, part)])


def npz_images(
    path: Path, key: str, shape: tuple[int, ...], start: int, title: str
) -> Iterator[np.ndarray]:
    """Images in a published npz file from number ``start`` on, in pieces uint8 `[b, H, W, C]`.

    The array ``key`` has to hold ``shape``; N may be spread over several leading axes.
    """
    with report_damage(path, title):
        with zipfile.ZipFile(path) as archive:
            found = _member_header(archive, f"{key}.npy")
        as_rows = (math.prod(found.shape[:-3]), *found.shape[-3:])
        if as_rows != shape or found.fortran or found.dtype != np.uint8:
            raise ValueError(f"{key} is {found}, expected uint8 {list(shape)}")
        at_once = max(1, _BYTES_AT_ONCE // math.prod(shape[1:]))
        yield from _member_rows(path, key, shape, found.dtype, start, at_once)


def is_npy(path: Path) -> bool:
    """Whether a file's name says that it holds a single array."""
    return path.suffix.lower() == ".npy"


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """The HDF5 file at ``path``, read only; parts of it that lie in other files are refused."""
    import h5py  # slow to load, and few sets need it

    with h5py.File(path, "r") as file:
        if others := _other_files(file):
            name, other = others[0]
            raise DataError(f"{path}: {name} lies in another file, {other}; copy it into this one")
        yield file


def _other_files(file: Any) -> list[tuple[str, str]]:
    """Names in an HDF5 file that stand for content of other files, and these files."""
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


def _member_rows(
    path: Path, key: str, shape: tuple[int, ...], dtype: np.dtype, start: int, at_once: int
) -> Iterator[np.ndarray]:
    """Rows from ``start`` on of an array in an npz file, ``at_once`` in a piece.

    What is before is read, not sought past: from Python 3.13 on the member's checksum is no longer
    compared after a seek.
    """
    row = math.prod(shape[1:]) * dtype.itemsize
    with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
        _header(member)
        passed = start * row
        while passed > 0:
            if not (read := len(member.read(min(passed, _PASSED_AT_ONCE)))):
                raise EOFError(f"{passed} bytes are missing")
            passed -= read
        for first in range(start, shape[0], at_once):
            count = min(at_once, shape[0] - first)
            content = member.read(count * row)
            if len(content) < count * row:
                raise EOFError(f"{key} ends in row {first + len(content) // row}")
            # at its end the member's checksum is compared: before the last rows are given away
            if first + count == shape[0] and member.read(1):
                raise ValueError(f"{key} is longer than its header says")
            yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


def _member_header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as member:
        return _header(member, archive.getinfo(name).file_size, name)


def _header(file: IO[bytes], size: int | None = None, name: str = "") -> Header:
    """The header of an npy file or member of ``size`` bytes; refused if it claims more numbers."""
    major, _ = np.lib.format.read_magic(file)
    if major == 1:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {list(shape)}")
    header = Header(shape, dtype, fortran)
    there, claimed = (size or 0) - file.tell(), header.num_bytes
    if size is not None and there < claimed and not dtype.hasobject:
        raise EOFError(f"{name} has {there:,} of {claimed:,} bytes behind its header")
    return header
