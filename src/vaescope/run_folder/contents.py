"""Contents of a run's folder: checkpoints, ``config.yaml``, ``report.html`` and ``error.txt``."""

import shlex
import traceback
from pathlib import Path

from vaescope.errors import RunFolderError
from vaescope.files import remove_stale, write_json, write_text
from vaescope.run_folder.scores import has_scores

LAST, BEST = "checkpoints/last.ckpt", "checkpoints/best.ckpt"
CONFIG, REPORT, ERROR = "config.yaml", "report.html", "error.txt"
LEARNING, MODIFICATION = "learning.ckpt", "modification.json"  # state, record of one
PRUNED = "pruned.json"  # of a trial that a search has stopped early: step, value there
HYDRAS = ".hydra"  # Hydra's record of the words on the command line


def holds_run(folder: Path) -> bool:
    """Whether a training run has left a state or scores there."""
    return holds_state(folder) or (has_scores(folder) and (folder / CONFIG).is_file())


def holds_state(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return any((folder / name).is_file() for name in (LAST, BEST))


def refuse_run(folder: Path) -> None:
    """Keep a command that does not train from writing over what training has left.

    Raises:
        RunFolderError: if the folder is that of a run or of a sweep.
    """
    is_sweep = (folder / "multirun.yaml").is_file()
    if is_sweep or holds_run(folder):
        raise RunFolderError(
            f"{folder} holds {'a sweep' if is_sweep else 'a run'} of vaescope train, whose files "
            "would be written over; leave output_dir and hydra.run.dir to their defaults, or name "
            "another folder"
        )


def refuse_modification(folder: Path) -> None:
    """Keep a training from writing into what ``vaescope modify`` has made.

    Raises:
        RunFolderError: if the folder is that of a modification, begun or made.
    """
    if (folder / LEARNING).is_file() or (folder / MODIFICATION).is_file():
        raise RunFolderError(
            f"{folder} holds a modification of vaescope modify; leave output_dir and hydra.run.dir "
            "to their defaults, or name another folder"
        )


def how_to_go_on(folder: Path) -> str:
    """What to do after a job has stopped before its end."""
    if holds_state(folder):
        return f"go on with: vaescope train {shlex.quote(f'resume={folder}')}"
    if (folder / LEARNING).is_file():
        return "the same command goes on from there"
    return "start again with the same command"


def write_error(folder: Path, error: BaseException) -> None:
    """Leave the traceback of what ended a job in ``error.txt``."""
    write_text(folder / ERROR, "".join(traceback.format_exception(error)))


def write_pruned(folder: Path, step: int, value: float) -> None:
    """Note that a run was stopped early, as a trial that promises nothing."""
    write_json(folder / PRUNED, {"step": step, "value": value})


def last_error(folder: Path) -> str:
    """Last line of ``error.txt``; nothing without the file."""
    path = folder / ERROR
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def forget_error(folder: Path) -> None:
    """Remove the ``error.txt`` of an attempt before."""
    (folder / ERROR).unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes have left half written; by the holder of the lock."""
    for inner in (folder, folder / "checkpoints"):
        remove_stale(inner)
