"""Atomic writes: files that are whole or absent, locks, and advice for errors of the disk."""

import errno
import glob
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_CONTENDED = (errno.EACCES, errno.EAGAIN)
_A_DAY = 24 * 3600  # seconds after which a temporary is stale where locks cannot tell
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
# what to do about an error of the operating system
ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some, or name another folder"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "choose a place that you may read and write"),
    errno.EROFS: "choose a folder that can be written",
    errno.ENOTDIR: "a part of this path is a file; choose another",
    errno.EISDIR: "give a file, not a folder",
    errno.EEXIST: "a file is where a folder should be; choose another",
    errno.ENOENT: "check the path",
    errno.ENAMETOOLONG: "give a shorter one",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give an empty temporary beside ``path``; what is written to it takes its place at the end.

    A failure or a kill on the way leaves ``path`` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent, path.name)
    temporary, held = _temporary(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        held.close()


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote, or what a stranger put there.

    Raises:
        ValueError: the file is no JSON in UTF-8, or its brackets are nested too deep.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("its brackets are nested too deep") from error


def link_as(path: Path, other: Path) -> None:
    """Let ``other`` be the same file as ``path``, in one step; a copy where there are no links."""
    with replacing(other) as temporary:
        temporary.unlink()
        try:
            os.link(path, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, temporary)


def remove_stale(folder: Path, name: str | None = None) -> None:
    """Remove temporaries of killed processes; those of living ones, of any machine, stay.

    They were to replace the file ``name`` in the folder; None: any.
    """
    for path in folder.glob(f".{'*' if name is None else glob.escape(name)}.*.new"):
        try:
            with path.open("rb") as file:
                locked = try_lock(file)
                old = time.time() - os.fstat(file.fileno()).st_mtime > _A_DAY
                if locked:
                    path.unlink(missing_ok=True)
            if locked is None and old:
                path.unlink(missing_ok=True)
        except OSError:  # renamed meanwhile, or not ours to remove
            continue


def try_lock(file: BinaryIO) -> bool | None:
    """Lock an open file for this process until it is closed, however the process ends.

    True: locked; False: another process holds it; None: this file system has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _CONTENDED else None
    return True


def why_not_written(error: BaseException | None) -> str:
    """What hinders writing, if an error or what it came from is of a full disk; else nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            where = f" for {error.filename}" if error.filename else ""
            return f"no space is left{where} ({error.strerror}); free some"
        error = error.__cause__ or error.__context__
    return ""


def _temporary(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside ``path``, and the handle whose lock tells that its writer lives."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        held = temporary.open("xb")
        if try_lock(held) is None:
            held.close()  # it has no use, and Windows neither renames nor removes an open file
            return temporary, held
        if os.fstat(held.fileno()).st_nlink:
            return temporary, held
        held.close()  # another process took it for stale before it was locked
