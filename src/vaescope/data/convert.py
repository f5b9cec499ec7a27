"""Conversion of images to one uncompressed npy file, which is then memory-mapped; resumable."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from tqdm.auto import tqdm

from vaescope.data.cache import explained, make_folder, require_space
from vaescope.errors import DataError

Pieces = Callable[[int], Iterator[np.ndarray]]
_READ_AT_ONCE = 2**24


def convert(path: Path, shape: tuple[int, ...], pieces: Pieces, about: Mapping[str, Any]) -> Path:
    """Path of a whole npy file of uint8 ``shape``, written by one process if it was missing.

    Images go to ``PATH.part`` and from there, when all are written and read back without a fault,
    in one step to ``path``; beside it ``PATH.json`` keeps ``about`` and the SHA-256 of the images.
    A conversion that was killed goes on where it stopped if ``about`` is still the same.

    Args:
        path: the file's final name.
        shape: of the array, `[N, H, W, C]`.
        pieces: gives, for a first row, the images from there on as uint8 `[b, H, W, C]`.
        about: plain values that identify what is converted and how: checksums, a version.

    Returns:
        ``path``.

    Raises:
        DataError: the disk is full, the folder cannot be written, the images are too few, too many
            or of another shape, or the disk does not give back what was written.

    Source: none, ours.
    """
    if path.exists():
        return path
    shape = tuple(map(int, shape))  # the header is text, in which numpy's integers look different
    with explained(path, _num_bytes(shape)):
        make_folder(path.parent)
        with FileLock(f"{path}.lock"):
            if not path.exists():
                _convert(path, shape, pieces, dict(about))
    return path


def record_of(path: Path) -> dict[str, Any]:
    """What was converted into ``path``, and the ``sha256`` of its images; empty: no record."""
    try:
        return json.loads(path.with_name(f"{path.name}.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}


def images_sha256(path: Path) -> str:
    """SHA-256, in hexadecimal, of the images in an npy file, without its header."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return _digest(file).hexdigest()


def _convert(path: Path, shape: tuple[int, ...], pieces: Pieces, about: dict[str, Any]) -> None:
    part, state = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    done = _rows_done(part, state, shape, about)
    if not done:
        part.unlink(missing_ok=True)
        state.write_text(json.dumps(about))
        with part.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
    require_space(path, _num_bytes(shape) - part.stat().st_size)
    missing = pieces(done) if done < shape[0] else iter(())
    digest = _append(part, shape, missing, done, path.stem)
    found = images_sha256(part)
    if found != digest:
        part.unlink()
        raise DataError(
            f"{part} does not read back as it was written (sha256 {found}, expected {digest}); "
            "check the disk and run again"
        )
    record = path.with_name(f"{path.name}.json")
    record.write_text(json.dumps(about | {"sha256": digest, "shape": list(shape)}, indent=1))
    os.replace(part, path)
    state.unlink(missing_ok=True)


def _rows_done(part: Path, state: Path, shape: tuple[int, ...], about: dict[str, Any]) -> int:
    """Whole rows in a partial file of the same conversion; what is beyond them is cut off."""
    try:
        if json.loads(state.read_text()) != json.loads(json.dumps(about)):
            return 0
        with part.open("rb+") as file:
            np.lib.format.read_magic(file)
            if np.lib.format.read_array_header_1_0(file)[0] != shape:
                return 0
            start, row = file.tell(), int(np.prod(shape[1:]))
            rows = (part.stat().st_size - start) // row
            file.truncate(start + rows * row)
            return int(rows)
    except (FileNotFoundError, ValueError):
        return 0


def _append(
    part: Path, shape: tuple[int, ...], pieces: Iterator[np.ndarray], done: int, title: str
) -> str:
    """Write the missing rows; SHA-256 of all rows."""
    with part.open("rb+") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        digest = _digest(file)
        with tqdm(total=shape[0], initial=done, unit="image", desc=f"converting {title}") as bar:
            for images in pieces:
                _require_images(images, shape, done, title)
                content = np.ascontiguousarray(images).tobytes()
                file.write(content)
                digest.update(content)
                done += len(images)
                bar.update(len(images))
        file.flush()
        os.fsync(file.fileno())
    if done != shape[0]:
        raise DataError(
            f"{title}: {done} images were found, expected {shape[0]}; fetch the files again"
        )
    return digest.hexdigest()


def _require_images(images: np.ndarray, shape: tuple[int, ...], done: int, title: str) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != shape[1:]:
        raise DataError(
            f"{title}: images from row {done} on are {images.dtype} {list(images.shape[1:])}, "
            f"expected uint8 {list(shape[1:])}; fetch the files again"
        )
    if done + len(images) > shape[0]:
        raise DataError(
            f"{title}: more than the expected {shape[0]} images were found; fetch the files again"
        )


def _digest(file: Any) -> Any:
    """SHA-256 of what is left of an open file."""
    digest = hashlib.sha256()
    while content := file.read(_READ_AT_ONCE):
        digest.update(content)
    return digest


def _num_bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) + 128
