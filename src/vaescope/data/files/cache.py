"""Files that several processes may want at once: whole or not there at all."""

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from vaescope.data.files.block_checksums import BlockChecksums, record_of, write_record
from vaescope.errors import DataError
from vaescope.files import replacing

log = logging.getLogger(__name__)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_SILENT = 1.0  # seconds of waiting for another process before that is said
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


def default_data_dir() -> Path:
    """Folder for data files: ``$VAESCOPE_DATA_DIR``, else the user's cache folder."""
    chosen = os.environ.get("VAESCOPE_DATA_DIR")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vaescope"))


def data_folder(data_dir: str | Path | None) -> Path:
    """The folder of data files that the user chose, or the default one."""
    return default_data_dir() if data_dir is None else Path(data_dir).expanduser()


def file_checksum(path: Path, algorithm: str) -> str:
    """Hexadecimal checksum of a whole file.

    Args:
        path: the file.
        algorithm: a name that ``hashlib.new`` knows, such as ``"md5"``.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def write_once(path: Path, write: Callable[[Path], None], *, num_bytes: int | None = None) -> Path:
    """Path of a file that exists and is whole, written by exactly one process if it was missing.

    Beside it ``PATH.json`` keeps checksums of its blocks, see ``require_undamaged``; a file without
    them, of an older version, is written anew.

    Args:
        path: the file's final name.
        write: fills the file whose (temporary) name it is given.
        num_bytes: size of the finished file, if known: checked against the free space first.

    Returns:
        ``path``.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    if _is_recorded(path):
        return path
    with explained(path, num_bytes):
        make_folder(path.parent)
        with lock_for(path):
            if not _is_recorded(path):
                require_space(path, num_bytes)
                with replacing(path) as temporary:
                    write(temporary)
                    write_record(path, {"blocks": BlockChecksums.of(temporary).plain()})
    return path


def _is_recorded(path: Path) -> bool:
    return path.exists() and "blocks" in record_of(path)


@contextmanager
def lock_for(path: Path) -> Iterator[None]:
    """Let one process at a time write ``path``; says so if another one has to be waited for."""
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=_SILENT)
    except Timeout:
        log.warning("waiting for another process that is writing %s", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def overwrite(path: Path, write: Callable[[Path], None]) -> Path:
    """Path of a file that ``write`` has just made anew, in one step for all readers.

    Args:
        path: the file's final name.
        write: fills the file whose (temporary) name it is given.

    Returns:
        ``path``.

    Raises:
        DataError: the disk is full or the folder cannot be written.
    """
    with explained(path, None):
        make_folder(path.parent)
        with lock_for(path), replacing(path) as temporary:
            write(temporary)
    return path


def make_folder(folder: Path) -> None:
    """Make a folder unless it is there.

    Raises:
        DataError: something else has its name, or the name of a folder above it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        raise DataError(
            f"{folder} cannot be made ({error.strerror}); choose another folder with "
            "data_dir=/path/to/folder"
        ) from error


def require_space(path: Path, num_bytes: int | None) -> None:
    """Raise the error of a full disk unless ``num_bytes`` are free beside ``path``."""
    if num_bytes is not None and shutil.disk_usage(path.parent).free < num_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@contextmanager
def explained(path: Path, num_bytes: int | None) -> Iterator[None]:
    """Errors of a disk that is full or not ours, as a ``DataError`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DataError(_full_disk_message(path, num_bytes)) from error
        if error.errno in _NOT_WRITABLE:
            raise DataError(
                f"cannot write {path.name} into {path.parent} ({error.strerror}); choose another "
                "folder with data_dir=/path/to/folder"
            ) from error
        raise


def _full_disk_message(path: Path, num_bytes: int | None) -> str:
    needed = "" if num_bytes is None else f", {num_bytes:,} bytes are needed"
    free = shutil.disk_usage(path.parent).free if path.parent.exists() else 0
    return (
        f"the disk is full: writing {path.name} into {path.parent} failed{needed}, {free:,} are "
        "free; free some space or choose another folder with data_dir=/path/to/folder"
    )
