"""How a job stands: read from its own folder, wherever and by whomever it was run."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from vaescope.config.loading import read_settings
from vaescope.errors import DataError
from vaescope.run_folder.contents import (
    CONFIG,
    ERROR,
    HYDRAS,
    PRUNED,
    REPORT,
    holds_state,
    last_error,
)
from vaescope.run_folder.locking import is_at_work
from vaescope.run_folder.scores import Scores, has_scores, read_scores
from vaescope.sweeps.journal import JobRecord, Journal


class State(StrEnum):
    """How a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    PRUNED = "pruned"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Job:
    """A job and what came of it.

    Attributes:
        record: what the sweep knows of it.
        folder: where it wrote.
        state: how it stands.
        rows: final scores; none if it has not finished.
        error: why it has not, in one line.
        killed: whether it failed because something ended its process, and not by an error.
    """

    record: JobRecord
    folder: Path
    state: State
    rows: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    killed: bool = False

    @property
    def name(self) -> str:
        """By which tables call it: its folder, with the seed of a member of a pack."""
        seed = self.record.seed
        return self.record.folder if seed is None else f"{self.record.folder}:seed_{seed}"


def state_of(journal: Journal, record: JobRecord) -> State:
    """How a job stands, from the names of the files in its folder alone."""
    folder = written_to(journal.folder / record.folder)
    if not folder.is_dir():
        return State.FAILED if record.number in journal.killed else State.PENDING
    if is_at_work(folder):
        return State.RUNNING
    failed = (folder / ERROR).is_file()
    if has_scores(folder) and (folder / REPORT).is_file() and not failed:
        return State.FINISHED
    if (folder / PRUNED).is_file():
        return State.PRUNED
    return State.FAILED if failed or record.number in journal.killed else State.STOPPED


def read_job(journal: Journal, record: JobRecord) -> Job:
    """A job with its scores or its error."""
    folder, state = written_to(journal.folder / record.folder), state_of(journal, record)
    how = journal.killed.get(record.number, "")
    own = last_error(folder)
    rows: list[dict[str, Any]] = []
    error = ""
    if state is State.FAILED:
        error = own or f"{how}; {_advice(folder)}"
    elif state is State.STOPPED:
        error = f"stopped before its end; {_advice(folder)}"
    if has_scores(folder) and state is not State.RUNNING:
        try:
            scores = read_scores(folder)
            rows = [row for row in scores.rows if record.seed in (None, row.get("seed"))]
            if not rows and state is State.FINISHED:
                state, error = State.FAILED, _why_no_rows(scores, record)
        except DataError as fault:
            state, error = State.FAILED, own or str(fault)
    killed = state is State.FAILED and not own and bool(how)
    return Job(record, folder, state, rows, error, killed)


def written_to(folder: Path) -> Path:
    """Where a job wrote: its own folder, or the one that ``output_dir`` named."""
    if not folder.is_dir() or any((folder / name).is_file() for name in (ERROR, CONFIG)):
        return folder
    try:
        named = str(read_settings(folder / HYDRAS / CONFIG).get("output_dir", "${"))
    except DataError:
        return folder
    return folder if "${" in named else Path(named).expanduser()


def _why_no_rows(scores: Scores, record: JobRecord) -> str:
    for member in scores.diverged:
        if member["seed"] == record.seed:
            return f"seed {record.seed} diverged at step {member['step']}"
    return "its scores.json has no rows"


def _advice(folder: Path) -> str:
    if holds_state(folder):
        return "it goes on from its last checkpoint"
    return "it has no checkpoint yet and starts anew"
