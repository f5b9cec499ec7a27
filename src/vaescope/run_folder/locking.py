"""A folder that one process at a time works in, and what a run has left there."""

import logging
import os
import platform
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vaescope.errors import RunFolderError
from vaescope.files import remove_stale, try_lock

log = logging.getLogger(__name__)

LOCK = ".lock"
CHECKPOINTS = ("checkpoints/last.ckpt", "checkpoints/best.ckpt")

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # a stranger's folder may hold links

_held: set[Path] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; within this process, once more is no lock.

    The system lets go of the lock when the process ends, also if it is killed.

    Args:
        folder: an existing folder.

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
            raise RunFolderError(
                f"{folder} cannot be worked in ({error.strerror}); choose a folder that can be "
                "written"
            ) from error
        file = os.fdopen(number, "r+b", buffering=0)
        found = try_lock(file)
        if found is not True or os.fstat(file.fileno()).st_nlink:
            break
        file.close()  # the one who held it has just removed it
    with file:
        if found is False:
            file.seek(0)
            who = (file.read(200) or b"").decode("utf-8", "replace").strip() or "another process"
            raise RunFolderError(
                f"{who} is at work in {folder}; wait for its end, or take another folder"
            )
        if found is None:
            log.warning(
                "%s is on a file system without locks: start no second process in it", folder
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


def holds_run(folder: Path) -> bool:
    """Whether a training run has left a state or scores there."""
    return holds_state(folder) or (
        (folder / "scores.json").is_file() and (folder / "config.yaml").is_file()
    )


def holds_state(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return any((folder / name).is_file() for name in CHECKPOINTS)


def refuse_run(folder: Path) -> None:
    """Keep a command that does not train from writing over what training has left.

    Raises:
        RunFolderError: if the folder is that of a run or of a sweep.
    """
    if holds_run(folder) or (folder / "multirun.yaml").is_file():
        what = "a sweep" if (folder / "multirun.yaml").is_file() else "a run"
        raise RunFolderError(
            f"{folder} holds {what} of vaescope train, whose files would be written over; leave "
            "output_dir and hydra.run.dir to their defaults, or name another folder"
        )


def how_to_go_on(folder: Path) -> str:
    """What to do after a job has stopped before its end."""
    if holds_state(folder):
        return f"go on with: vaescope train {shlex.quote(f'resume={folder}')}"
    return "start again with the same command"


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes have left half written; by the holder of the lock."""
    for inner in (folder, folder / "checkpoints"):
        remove_stale(inner)
