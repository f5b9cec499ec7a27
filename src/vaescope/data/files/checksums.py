"""Checksums of files: CRC-32 of blocks, found damaged when opened; records that remember them."""

import hashlib
import os
import random
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vaescope.errors import DataError
from vaescope.files import read_json, write_json

BLOCK_BYTES = 2**22
_SECONDS = 0.5  # that opening a file may spend on its blocks

_opened: dict[Path, tuple[int, int]] = {}  # files that this process has checked: size, time


def file_checksum(path: Path, algorithm: str) -> str:
    """Hexadecimal checksum of a whole file by an ``algorithm`` of ``hashlib.new``, as ``"md5"``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


@dataclass(frozen=True)
class BlockChecksums:
    """CRC-32 of every ``BLOCK_BYTES`` of a file of ``num_bytes``, the last block maybe shorter."""

    num_bytes: int
    crc32: tuple[int, ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Those of a whole file as it is."""
        running = RunningChecksums()
        with path.open("rb") as file:
            while content := file.read(BLOCK_BYTES):
                running.update(content)
        return cls(*running.so_far())

    @classmethod
    def from_plain(cls, plain: object) -> Self | None:
        """What ``plain`` wrote; None: it is something else."""
        if not isinstance(plain, Mapping):
            return None
        size, crc32 = plain.get("num_bytes"), plain.get("crc32")
        if not isinstance(size, int) or not isinstance(crc32, list):
            return None
        whole = plain.get("block") == BLOCK_BYTES and len(crc32) == -(-size // BLOCK_BYTES)
        return cls(size, tuple(crc32)) if whole else None

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"num_bytes": self.num_bytes, "block": BLOCK_BYTES, "crc32": list(self.crc32)}

    def first_damaged(
        self, path: Path, numbers: Sequence[int] | None = None, seconds: float | None = None
    ) -> int | None:
        """The first block found that differs from the file's; None: none was found.

        Args:
            numbers: of the blocks that are looked at, in this order; None: all, from the first.
            seconds: after which no further block is looked at; None: no limit.
        """
        end = None if seconds is None else time.monotonic() + seconds
        with path.open("rb", buffering=0) as file:
            for number in range(len(self.crc32)) if numbers is None else numbers:
                if end is not None and time.monotonic() > end:
                    break
                file.seek(number * BLOCK_BYTES)
                length = min(BLOCK_BYTES, self.num_bytes - number * BLOCK_BYTES)
                crc32 = 0
                while length and (content := file.read(length)):  # fewer where the file ends before
                    crc32, length = zlib.crc32(content, crc32), length - len(content)
                if crc32 != self.crc32[number]:
                    return number
        return None

    def sound_bytes(self, path: Path) -> int:
        """How many bytes from the beginning of a file, perhaps cut short, are as they were."""
        bad = self.first_damaged(path)
        return self.num_bytes if bad is None else bad * BLOCK_BYTES


class RunningChecksums:
    """Block checksums of a file while it is written or read from its beginning."""

    def __init__(self) -> None:
        self._done: list[int] = []
        self._crc32, self._filled = 0, 0

    def update(self, content: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(content)
        while len(view):
            piece = view[: BLOCK_BYTES - self._filled]
            self._crc32 = zlib.crc32(piece, self._crc32)
            self._filled += len(piece)
            view = view[len(piece) :]
            if self._filled == BLOCK_BYTES:
                self._done.append(self._crc32)
                self._crc32, self._filled = 0, 0

    def so_far(self) -> tuple[int, tuple[int, ...]]:
        """Number of bytes taken, and the checksums of their blocks."""
        rest = (self._crc32,) if self._filled else ()
        return len(self._done) * BLOCK_BYTES + self._filled, (*self._done, *rest)


def record_path(path: Path, kind: str = "") -> Path:
    """Where what is known of a file stands: ``NAME.json`` beside it, or ``NAME.KIND.json``."""
    return path.with_name(f"{path.name}{kind and '.'}{kind}.json")


def read_record(path: Path, kind: str = "") -> dict[str, Any]:
    """What is known of a file; empty: nothing, or the record is damaged itself."""
    try:
        facts = read_json(record_path(path, kind))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_record(path: Path, facts: Mapping[str, Any], kind: str = "") -> None:
    """Write what is known of a file, whole or not at all."""
    write_json(record_path(path, kind), dict(facts))


def require_undamaged(path: Path, *, whole: bool = False) -> None:
    """Refuse a cache file that has changed since it was written.

    At the first opening in a process its size and blocks in a random order are checked, for half a
    second: all of a few hundred megabytes, a sample of what is larger or on a slow disk, another
    one each time.

    Args:
        path: a file with a record that holds ``blocks``.
        whole: check every block, however long it takes, and again if it was checked before.
    """
    facts = path.stat().st_size, path.stat().st_mtime_ns
    if not whole and _opened.get(path) == facts:
        return
    blocks = BlockChecksums.from_plain(read_record(path).get("blocks"))
    if blocks is None:
        raise DataError(
            f"{path} cannot be checked: {record_path(path).name} beside it is missing, damaged or "
            "of an older version; delete both, put its source files back, and run again"
        )
    if facts[0] != blocks.num_bytes:
        raise DataError(
            f"{path} is damaged: it has {facts[0]:,} bytes, not {blocks.num_bytes:,}; delete it "
            "and run again"
        )
    order = list(range(len(blocks.crc32)))
    if not whole:
        random.Random(os.urandom(8)).shuffle(order)
    if (bad := blocks.first_damaged(path, order, None if whole else _SECONDS)) is not None:
        first = bad * BLOCK_BYTES
        last = min(first + BLOCK_BYTES, blocks.num_bytes) - 1
        raise DataError(
            f"{path} is damaged: in bytes {first:,} to {last:,} its content has changed since it "
            "was written; delete it and run again"
        )
    _opened[path] = facts
