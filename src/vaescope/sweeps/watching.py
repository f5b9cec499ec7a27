"""How the jobs of a sweep stand, on the terminal, while they run."""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from vaescope.errors import ConfigError, DataError
from vaescope.escaping import for_terminal
from vaescope.run_folder.contents import ERROR
from vaescope.scores import direction_of
from vaescope.scores.objective import objective_keys
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.results import value_of
from vaescope.sweeps.states import State, read_job, state_of, written_to

MOST_SHOWN = 12  # running jobs in the table


class Standing:
    """What has become of the jobs of one launch; those that have ended are not looked at again.

    Args:
        journal: of the sweep.
        records: of the jobs that are launched.
        objective: the setting.
        num_before: jobs that had finished before.
    """

    def __init__(
        self, journal: Journal, records: Sequence[JobRecord], objective: Any, num_before: int = 0
    ) -> None:
        self.journal, self.objective = journal, objective
        self.open = dict.fromkeys((record.number for record in records), State.PENDING)
        self.num_jobs, self.num_before = len(records) + num_before, num_before
        self.num_finished = self.num_failed = self.num_pruned = 0
        self.key, self.direction = _first_of(objective)
        self.best: tuple[float, str] | None = None
        self.begun = time.time()

    def update(self) -> None:
        """Look at the jobs that have not ended."""
        for number in list(self.open):
            record = self.journal.records[number]  # it may have been packed since
            state = state_of(self.journal, record)
            if state is State.FINISHED:
                self.num_finished += 1
                self._compare(record)
            elif state is State.PRUNED:
                self.num_pruned += 1
            elif state is State.FAILED and self._failed_now(record):
                self.num_failed += 1
            else:
                self.open[number] = state
                continue
            del self.open[number]

    def running(self) -> list[JobRecord]:
        """Jobs at work."""
        numbers = [number for number, state in self.open.items() if state is State.RUNNING]
        return [self.journal.records[number] for number in numbers]

    def line(self) -> str:
        """One line: counts, the time that is left, and the best value so far."""
        parts = [f"{self.num_before + self.num_finished} of {self.num_jobs} jobs finished"]
        if self.num_failed:
            parts.append(f"{self.num_failed} failed")
        if self.num_pruned:
            parts.append(f"{self.num_pruned} pruned")
        if running := len(self.running()):
            parts.append(f"{running} running")
        ended = self.num_finished + self.num_failed + self.num_pruned
        if ended and self.open:
            left = (time.time() - self.begun) / ended * len(self.open)
            parts.append(f"about {duration(left)} left")
        if self.best is not None:
            parts.append(f"best {self.key} {self.best[0]:.4g} (job {self.best[1]})")
        return ", ".join(parts)

    def _compare(self, record: JobRecord) -> None:
        if self.direction is None:
            return
        job = read_job(self.journal, record)
        try:
            value = value_of(job, self.objective)
        except (ConfigError, DataError):
            return
        first = value[0] if isinstance(value, tuple) else value
        better = max if self.direction == "maximize" else min
        if first is not None:
            found = (first, job.name)
            self.best = found if self.best is None else better(self.best, found)

    def _failed_now(self, record: JobRecord) -> bool:
        """Not in an attempt before, whose error stays until the job has finished."""
        path = written_to(self.journal.folder / record.folder) / ERROR
        return path.is_file() and path.stat().st_mtime >= self.begun - 1


class Watch:
    """Shows a ``Standing`` while a block runs: a live table, or lines where that cannot be.

    Args:
        standing: of the jobs.
        live: whether nothing but this writes to the terminal.
        lines: whether lines are printed where there is no table.
        every: seconds between two looks.
    """

    def __init__(
        self, standing: Standing, live: bool, lines: bool = True, every: float = 1.0
    ) -> None:
        self.standing, self.lines, self.every = standing, lines, every
        self._live = _live_table() if live and sys.stdout.isatty() else None
        self._said = ""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        if self._live is not None:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()

    def _watch(self) -> None:
        while not self._end.wait(self.every):
            self.standing.update()
            if self._live is not None:
                self._live.update(_table(self.standing), refresh=True)
                continue
            ended = f"{self.standing.num_finished} {self.standing.num_failed}"
            if self.lines and ended not in ("0 0", self._said):
                print(self.standing.line(), flush=True)
            self._said = ended


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _first_of(objective: Any) -> tuple[str, str | None]:
    try:
        key = objective_keys(objective)[0]
    except ConfigError:  # each job says it; None: there is no objective
        return "", None
    return key, direction_of(key)


def _live_table() -> Any:
    from rich.live import Live

    return Live(transient=True, auto_refresh=False)


def _table(standing: Standing) -> Any:
    """The line, and below it the jobs at work."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("job", "running for", "overrides"):
        table.add_column(column, overflow="ellipsis", no_wrap=True)
    running = standing.running()
    shared = set.intersection(*(set(r.overrides) for r in running)) if len(running) > 1 else set()
    for record in running[:MOST_SHOWN]:
        special = " ".join(word for word in record.overrides if word not in shared)
        since = _begun(standing.journal.folder / record.folder)
        table.add_row(*map(for_terminal, (record.folder, duration(time.time() - since), special)))
    return Group(for_terminal(standing.line()), table)


def _begun(folder: Path) -> float:
    try:
        return (folder / ".lock").stat().st_mtime
    except OSError:
        return time.time()
