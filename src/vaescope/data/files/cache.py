"""Cache of data files: its folder, locks, files that are written once, what is left of a stop."""

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

from vaescope.data.files.checksums import BlockChecksums, read_record, record_path, write_record
from vaescope.errors import DataError
from vaescope.files import DISK_FULL, NOT_WRITABLE, replacing

log = logging.getLogger(__name__)

_SILENT = 1.0  # seconds of waiting for another process before that is said
_OTHER = "choose another folder with data_dir=/path/to/folder"


def default_data_dir() -> Path:
    """Folder for data files: ``$VAESCOPE_DATA_DIR``, else the user's cache folder."""
    chosen = os.environ.get("VAESCOPE_DATA_DIR")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vaescope"))


def data_folder(data_dir: str | Path | None) -> Path:
    """The folder of data files that the user chose, or the default one."""
    return default_data_dir() if data_dir is None else Path(data_dir).expanduser()


def write_once(path: Path, write: Callable[[Path], None], *, num_bytes: int | None = None) -> Path:
    """Path of a file that exists and is whole, written by exactly one process if it was missing.

    Beside it ``PATH.json`` keeps checksums of its blocks, see ``require_undamaged``; a file without
    them, of an older version, is written anew.

    Args:
        path: the file's final name.
        write: fills the file whose (temporary) name it is given.
        num_bytes: size of the finished file, if known: checked against the free space first.
    """
    if _is_recorded(path):
        return path
    with writing(path, num_bytes):
        if not _is_recorded(path):
            require_space(path, num_bytes)
            with replacing(path) as temporary:
                write(temporary)
                write_record(path, {"blocks": BlockChecksums.of(temporary).plain()})
    return path


def _is_recorded(path: Path) -> bool:
    return path.exists() and "blocks" in read_record(path)


def overwrite(path: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill ``path`` anew, in one step for all readers; else as ``write_once``."""
    with writing(path), replacing(path) as temporary:
        write(temporary)
    return path


@contextmanager
def writing(path: Path, num_bytes: int | None = None) -> Iterator[None]:
    """Let one process at a time write ``path``, into a folder that is made if it is missing.

    Args:
        path: the file's final name.
        num_bytes: its size, if known; told if the disk is full.
    """
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            told = f"{path.parent} cannot be made ({error.strerror}); {_OTHER}"
            raise DataError(told) from error
        with _lock(path):
            yield
    except OSError as error:
        if error.errno in DISK_FULL:
            needed = "" if num_bytes is None else f", {num_bytes:,} bytes are needed"
            free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
            raise DataError(
                f"the disk is full: writing {path.name} into {path.parent} failed{needed}, "
                f"{free:,} are free; free some space or {_OTHER}"
            ) from error
        if error.errno in NOT_WRITABLE:
            raise DataError(
                f"cannot write {path.name} into {path.parent} ({error.strerror}); {_OTHER}"
            ) from error
        raise


def _lock(path: Path) -> AbstractContextManager[Any]:
    """The lock of ``path``, held; says so if another process has to be waited for."""
    lock = FileLock(f"{path}.lock")
    try:
        return lock.acquire(timeout=_SILENT)
    except Timeout:
        log.warning("waiting for another process that is writing %s", path)
        return lock.acquire()


def require_space(path: Path, num_bytes: int | None) -> None:
    """Raise the error of a full disk unless ``num_bytes`` are free beside ``path``."""
    if num_bytes is not None and shutil.disk_usage(path.parent).free < num_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


class PartialFile:
    """``PATH.part`` of a ``target`` path, with which a later process goes on, and its record."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def finish(self) -> None:
        """Give the file its final name, in one step."""
        os.replace(self.path, self.target)
        self.delete()

    def delete(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        record_path(self.path).unlink(missing_ok=True)
