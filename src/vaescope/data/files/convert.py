"""Conversion of images to one uncompressed npy file, which is then memory-mapped; resumable."""

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from vaescope.data.files.block_checksums import (
    BlockChecksums,
    RunningChecksums,
    read_facts,
    record_of,
    require_undamaged,
    write_record,
)
from vaescope.data.files.cache import explained, lock_for, make_folder, require_space
from vaescope.errors import DataError

log = logging.getLogger(__name__)

Pieces = Callable[[int], Iterator[np.ndarray]]
_READ_AT_ONCE = 2**24
_NOTED_EVERY = 1.0  # seconds: what a kill costs at most


def convert(path: Path, shape: tuple[int, ...], pieces: Pieces, about: Mapping[str, Any]) -> Path:
    """Path of a whole npy file of uint8 ``shape``, written by one process if it was missing.

    Images go to ``PATH.part`` and from there, when all are written and read back without a fault,
    in one step to ``path``; beside it ``PATH.json`` keeps ``about``, the SHA-256 of the images and
    checksums of the file's blocks, by which damage is found when it is opened. A conversion that
    was killed goes on behind the last rows that are known to be on the disk, if ``about`` is still
    the same.

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
        with lock_for(path):
            if not path.exists():
                _convert(path, shape, pieces, dict(about))
    return path


def require_converted(path: Path) -> None:
    """Refuse a converted file that has changed since; one of an older version is checked whole.

    Raises:
        DataError: it has changed, or nothing is known of it.
    """
    record = record_of(path)
    if "sha256" in record and "blocks" not in record:
        log.info("checking %s once, it was written by an older version", path)
        _, fault = converted_fault(path)
        if fault:
            raise DataError(fault)
        write_record(path, record | {"blocks": BlockChecksums.of(path).plain()})
    require_undamaged(path)


def converted_fault(path: Path) -> tuple[str, str]:
    """SHA-256 of a converted file's images, and what is wrong with it; empty: none, nothing."""
    try:
        found, expected = images_sha256(path), record_of(path).get("sha256")
    except ValueError as error:  # of its header
        return "", f"{path} is damaged ({error}); delete it and run again"
    if expected is None:
        beside = f"{path.name}.json beside it is missing or damaged"
        return found, f"{path} cannot be checked: {beside}"
    if found == expected:
        return found, ""
    return found, (
        f"{path} has changed since it was converted: the sha256 of its images is {found}, expected "
        f"{expected}; delete it and run again"
    )


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
        with part.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
    require_space(path, _num_bytes(shape) - part.stat().st_size)
    missing = pieces(done) if done < shape[0] else iter(())
    digest, blocks = _append(part, shape, missing, done, _Notes(part, about))
    found = images_sha256(part)
    if found != digest or BlockChecksums.of(part) != blocks:
        part.unlink()
        raise DataError(
            f"{part} does not read back as it was written (sha256 {found}, expected {digest}); "
            "check the disk and run again"
        )
    record = about | {"sha256": digest, "shape": list(shape), "blocks": blocks.plain()}
    write_record(path, record)
    os.replace(part, path)
    state.unlink(missing_ok=True)


class _Notes:
    """``PATH.part.json``: what is converted, and checksums of what is surely on the disk.

    Args:
        part: the partial file.
        about: what is converted.
    """

    def __init__(self, part: Path, about: Mapping[str, Any]) -> None:
        self._part, self._about = part, about
        self._last = time.monotonic()
        self.checksums = RunningChecksums()

    def due(self) -> bool:
        """Whether the last note is old enough."""
        return time.monotonic() - self._last > _NOTED_EVERY

    def write(self, file: Any) -> None:
        """Flush the partial file to the disk, then note what it holds."""
        file.flush()
        os.fsync(file.fileno())
        blocks = BlockChecksums(*self.checksums.so_far())
        write_record(self._part, {"about": self._about, "blocks": blocks.plain()})
        self._last = time.monotonic()


def _rows_done(part: Path, state: Path, shape: tuple[int, ...], about: dict[str, Any]) -> int:
    """Whole rows in a partial file of the same conversion; what is beyond them is cut off.

    A row counts if the file holds it as it was noted: after a loss of power there may be zeros.
    """
    try:
        noted = read_facts(state)
        blocks = BlockChecksums.from_plain(noted["blocks"])
        if blocks is None or noted["about"] != json.loads(json.dumps(about)):
            return 0
        with part.open("rb+") as file:
            np.lib.format.read_magic(file)
            if np.lib.format.read_array_header_1_0(file)[0] != shape:
                return 0
            start, row = file.tell(), int(np.prod(shape[1:]))
            rows = max(0, blocks.sound_bytes(part) - start) // row
            file.truncate(start + rows * row)
            return int(rows)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0


def _append(
    part: Path, shape: tuple[int, ...], pieces: Iterator[np.ndarray], done: int, notes: _Notes
) -> tuple[str, BlockChecksums]:
    """Write the missing rows; SHA-256 of all rows, and checksums of the file's blocks."""
    title = part.name.removesuffix(".npy.part")
    with part.open("rb+") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        start = file.tell()
        file.seek(0)
        notes.checksums.update(file.read(start))
        digest = _digest(file, notes.checksums)
        bar = tqdm(total=shape[0], initial=done, unit="image", desc=f"converting {title}")
        with bar, _noted_at_the_end(notes, file):
            for images in pieces:
                _require_images(images, shape, done, title)
                content = np.ascontiguousarray(images).tobytes()
                file.write(content)
                digest.update(content)
                notes.checksums.update(content)
                done += len(images)
                bar.update(len(images))
                if notes.due():
                    notes.write(file)
    if done != shape[0]:
        raise DataError(
            f"{title}: {done} images were found, expected {shape[0]}; fetch the files again"
        )
    return digest.hexdigest(), BlockChecksums(*notes.checksums.so_far())


@contextlib.contextmanager
def _noted_at_the_end(notes: _Notes, file: Any) -> Iterator[None]:
    """Note what is there whatever ends the conversion, but a full disk."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            notes.write(file)


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


def _digest(file: Any, blocks: RunningChecksums | None = None) -> Any:
    """SHA-256 of what is left of an open file, whose bytes ``blocks`` takes, too."""
    digest = hashlib.sha256()
    while content := file.read(_READ_AT_ONCE):
        digest.update(content)
        if blocks is not None:
            blocks.update(content)
    return digest


def _num_bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) + 128
