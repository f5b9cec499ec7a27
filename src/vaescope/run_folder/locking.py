"""Folder lock: one process at a time works in a run's folder."""

import logging
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from vaescope.errors import RunFolderError
from vaescope.files import try_lock

log = logging.getLogger(__name__)

LOCK = ".lock"

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a stranger's folder may hold links

_held: set[Path] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; within this process, once more is no lock.

    The system lets go of the lock when the process ends, also if it is killed.

    Raises:
        RunFolderError: if another process works there; the folder is left as it is.
    """
    folder = folder.resolve()
    if folder in _held:
        yield
        return
    path = folder / LOCK
    while True:
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
        except OSError as error:
            told = f"{folder} cannot be worked in ({error.strerror})"
            raise RunFolderError(f"{told}; choose a folder that can be written") from error
        file = os.fdopen(number, "r+b", buffering=0)
        found = try_lock(file)
        if found is not True or os.fstat(file.fileno()).st_nlink:
            break
        file.close()  # the one who held it has just removed it
    with file:
        if found is False:
            file.seek(0)
            who = (file.read(200) or b"").decode("utf-8", "replace").strip() or "another process"
            hint = "wait for its end, or take another folder"
            raise RunFolderError(f"{who} is at work in {folder}; {hint}")
        if found is None:
            log.warning(
                f"{folder} is on a file system without locks: start no second process in it"
            )
            file.close()  # Windows removes no open file
        else:
            with suppress(OSError):  # for people; a full disk is told by what has to be written
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()}".encode())
        _held.add(folder)
        try:
            yield
        finally:
            _held.discard(folder)
            path.unlink(missing_ok=True)  # while it is locked


def is_at_work(folder: Path) -> bool:
    """Whether a process has the folder, as its lock says; of another machine's it is believed.

    The lock itself is left alone: who only looks keeps nobody from working.
    """
    try:
        who = (folder / LOCK).read_bytes()[:200].decode("utf-8", "replace").split()
    except OSError:
        return False
    if who[:1] != ["process"] or not who[1:2] or not who[1].isdigit():
        return False
    return who[3:4] != [platform.node()] or psutil.pid_exists(int(who[1]))


def is_free(folder: Path) -> bool:
    """Whether ``locked`` would get the folder now, also from a process that died elsewhere."""
    try:
        with (folder / LOCK).open("rb") as file:
            return try_lock(file) is not False
    except OSError:
        return True


def wait_until_free(folders: Iterable[Path], seconds: float = 60.0) -> None:
    """Let processes that have been told to stop keep their states and let go of their folders."""
    busy = [folder for folder in folders if not is_free(folder)]
    if busy:
        log.info("waiting for %d jobs that another process has begun", len(busy))
    until = time.monotonic() + seconds
    while any(not is_free(folder) for folder in busy) and time.monotonic() < until:
        time.sleep(0.2)
