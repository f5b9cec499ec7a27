"""Images converted once to an uncompressed npy file, resumable, and memory-mapped from there."""

import contextlib
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.files.cache import PartialFile, require_space, writing
from vaescope.data.files.checksums import (
    BlockChecksums,
    RunningChecksums,
    read_record,
    require_undamaged,
    write_record,
)
from vaescope.errors import DataError
from vaescope.progress_bars import progress_bar

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
    """
    if path.exists():
        return path
    shape = tuple(map(int, shape))  # the header is text, in which numpy's integers look different
    with writing(path, math.prod(shape) + 128):
        if not path.exists():
            _Conversion(path, shape, about).run(pieces)
    return path


def require_converted(path: Path) -> None:
    """Refuse a converted file that has changed since; one of an older version is checked whole."""
    record = read_record(path)
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
        found, expected = images_sha256(path), read_record(path).get("sha256")
    except ValueError as error:  # of its header
        return "", f"{path} is damaged ({error}); delete it and run again"
    if expected is None:
        return found, f"{path} cannot be checked: {path.name}.json beside it is missing or damaged"
    if found == expected:
        return found, ""
    return found, (
        f"{path} has changed since it was converted: the sha256 of its images is {found}, expected "
        f"{expected}; delete it and run again"
    )


def images_sha256(path: Path) -> str:
    """SHA-256, in hexadecimal, of the images in an npy file, without its header."""
    with path.open("rb") as file:
        _read_header(file)
        digest = hashlib.sha256()
        while content := file.read(_READ_AT_ONCE):
            digest.update(content)
        return digest.hexdigest()


class _Conversion:
    """One conversion: ``PATH.part``, and checksums of what was written or read back of it.

    The part's record says what is converted, and what is surely on the disk.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], about: Mapping[str, Any]) -> None:
        self.part, self.shape, self.about = PartialFile(path), shape, dict(about)
        self._title = path.stem
        self._sha256, self._blocks = hashlib.sha256(), RunningChecksums()
        self._noted = time.monotonic()

    def run(self, pieces: Pieces) -> None:
        """Write the missing rows, read the file back, and give it its name."""
        path = self.part.path
        done = self._rows_done()
        if not done:
            path.unlink(missing_ok=True)
            with path.open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
                np.lib.format.write_array_header_1_0(file, header)
        require_space(self.part.target, math.prod(self.shape) + 128 - self.part.size)
        with path.open("rb+") as file:
            _read_header(file)
            start = file.tell()
            file.seek(0)
            self._blocks.update(file.read(start))
            while content := file.read(_READ_AT_ONCE):
                self._take(content)
            self._append(file, pieces(done) if done < self.shape[0] else iter(()), done)
        digest, blocks = self._sha256.hexdigest(), BlockChecksums(*self._blocks.so_far())
        found = images_sha256(path)
        if found != digest or BlockChecksums.of(path) != blocks:
            path.unlink()
            raise DataError(
                f"{path} does not read back as it was written (sha256 {found}, expected {digest}); "
                "check the disk and run again"
            )
        record = {"sha256": digest, "shape": list(self.shape), "blocks": blocks.plain()}
        write_record(self.part.target, self.about | record)
        self.part.finish()

    def _rows_done(self) -> int:
        """Whole rows in the part of the same conversion; what is beyond them is cut off.

        A row counts if it is as it was noted: after a loss of power there may be zeros.
        """
        noted = read_record(self.part.path)
        blocks = BlockChecksums.from_plain(noted.get("blocks"))
        if blocks is None or noted.get("about") != json.loads(json.dumps(self.about)):
            return 0
        try:
            with self.part.path.open("rb+") as file:
                if _read_header(file) != self.shape:
                    return 0
                start, row = file.tell(), math.prod(self.shape[1:])
                rows = max(0, blocks.sound_bytes(self.part.path) - start) // row
                file.truncate(start + rows * row)
                return rows
        except (FileNotFoundError, ValueError):
            return 0

    def _append(self, file: IO[bytes], pieces: Iterator[np.ndarray], done: int) -> None:
        total = self.shape[0]
        bar = progress_bar(total, "image", done=done, title=f"writing {self._title}")
        with bar:
            try:
                for images in pieces:
                    self._check_images(images, done)
                    content = np.ascontiguousarray(images).tobytes()
                    file.write(content)
                    self._take(content)
                    done += len(images)
                    bar.update(len(images))
                    if time.monotonic() - self._noted > _NOTED_EVERY:
                        self._note(file)
            finally:  # whatever ends it, but a full disk
                with contextlib.suppress(OSError):
                    self._note(file)
        if done != total:
            raise DataError(
                f"{self._title}: {done} images were found, expected {total}; fetch the files again"
            )

    def _take(self, content: bytes) -> None:
        self._sha256.update(content)
        self._blocks.update(content)

    def _note(self, file: IO[bytes]) -> None:
        """Flush the part to the disk, then note what it holds."""
        file.flush()
        os.fsync(file.fileno())
        blocks = BlockChecksums(*self._blocks.so_far())
        write_record(self.part.path, {"about": self.about, "blocks": blocks.plain()})
        self._noted = time.monotonic()

    def _check_images(self, images: np.ndarray, done: int) -> None:
        expected = list(self.shape[1:])
        if images.dtype != np.uint8 or list(images.shape[1:]) != expected:
            raise DataError(
                f"{self._title}: images from row {done} on are {images.dtype} "
                f"{list(images.shape[1:])}, expected uint8 {expected}; fetch the files again"
            )
        if done + len(images) > self.shape[0]:
            raise DataError(
                f"{self._title}: more than the expected {self.shape[0]} images were found; fetch "
                "the files again"
            )


def _read_header(file: IO[bytes]) -> tuple[int, ...]:
    """Shape in the header of an npy file that was written here; what follows are its images."""
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)[0]


class MappedArray:
    """An array in an npy file, memory-mapped read only; a pickled copy opens the file again.

    Args:
        path: the file.
        shape: what it has to hold.
        require: refuses the file if it has changed since it was written; None: it is not ours.
        view: gives the array's axes another order, without a copy; None: they stay.
        dtype: type of its numbers.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        require: Callable[[Path], None] | None = None,
        view: Callable[[np.ndarray], np.ndarray] | None = None,
        dtype: str = "uint8",
    ) -> None:
        self.path, self._stored, self._view, self._dtype = path, tuple(shape), view, dtype
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, FileNotFoundError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it and run again") from error
        if mapped.shape != self._stored or mapped.dtype != dtype:
            raise DataError(
                f"{path} holds {mapped.dtype} {list(mapped.shape)}, expected {dtype} "
                f"{list(self._stored)}; delete it and run again"
            )
        if require is not None:
            require(path)
        # a plain view: indexing a memmap costs several times as much
        self.array = np.asarray(mapped) if view is None else view(np.asarray(mapped))
        self.shape = self.array.shape

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of the array, wherever it lies."""
        return self.array.nbytes

    def take(self, index: Tensor) -> Tensor:
        """Rows `[B, ...]` of a CPU tensor of row numbers `[B]`."""
        return torch.from_numpy(self.array[index.numpy()])

    def read(self, device: torch.device | str) -> Tensor:
        """The whole array on ``device``."""
        return torch.tensor(self.array, device=device)

    def __reduce__(self) -> tuple[Any, ...]:
        return MappedArray, (self.path, self._stored, None, self._view, self._dtype)
