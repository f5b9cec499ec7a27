"""``vaescope sweep status|resume|retry|table [DIR]``: a sweep as a whole."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from vaescope.commands.names import SWEEP_ACTIONS
from vaescope.config.overrides import word
from vaescope.errors import RunFolderError, closest
from vaescope.sweeps.journal import Journal, find_sweep
from vaescope.sweeps.recorded_words import refuse_code
from vaescope.sweeps.results import counted, read_jobs
from vaescope.sweeps.states import State

USAGE = """usage: vaescope sweep ACTION [DIR] [csv=FILE]

actions:
  status   how many jobs have finished, and what became of the others
  resume   run what is missing, and go on with what was begun
  retry    the same, and the jobs that failed once more
  table    the scores of all jobs; csv=FILE writes them there

DIR is the folder of a sweep, or latest: the newest in outputs/sweeps (the default).
"""


def main() -> list[list[str]]:
    """Do what the words of the command line say.

    Returns:
        Words of the commands that are to follow.

    Raises:
        SystemExit: with 1 if jobs have failed, 2 for a wrong command line.
    """
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & {*words}:
        print(USAGE, end="")
        return []
    action, *rest = words
    if action not in SWEEP_ACTIONS:
        near = closest(action, SWEEP_ACTIONS, 1, "it can")
        raise RunFolderError(f"sweep: there is no {action!r}{near}")
    places = [w for w in rest if not w.startswith("csv=")]
    files = [w.removeprefix("csv=") for w in rest if w.startswith("csv=")]
    if len(places) > 1 or (files and action != "table"):
        more = " and csv=FILE" if action == "table" else ""
        raise RunFolderError(f"sweep {action} takes one DIR{more}, not {' '.join(rest)}")
    if places and "=" in places[0] and not Path(places[0]).is_dir():
        raise RunFolderError(
            f"sweep {action} takes no settings, as {places[0]}: those of the sweep hold"
        )
    folder = find_sweep(places[0] if places else "latest")
    if action in ("resume", "retry"):
        return _commands_of(folder, again=action == "retry")
    if action == "status":
        _print_status(folder)
    else:
        _print_table(folder, files)
    return []


def _print_status(folder: Path) -> None:
    jobs = read_jobs(Journal(folder))
    print(f"{folder}: {counted(jobs)}")
    for job in jobs:
        if job.state in (State.FAILED, State.STOPPED, State.RUNNING):
            print(f"  job {job.name}: {job.state}{f': {job.error}' if job.error else ''}")
    if any(job.state in (State.STOPPED, State.PENDING) or job.killed for job in jobs):
        print(f"go on with: {shlex.join(['vaescope', 'sweep', 'resume', str(folder)])}")
    if any(job.state is State.FAILED and not job.killed for job in jobs):
        print(f"failed jobs again: {shlex.join(['vaescope', 'sweep', 'retry', str(folder)])}")
        raise SystemExit(1)


def _print_table(folder: Path, files: Sequence[str]) -> None:
    from vaescope.sweeps.table import print_table_of, write_csv

    jobs = print_table_of(folder)
    for file in files:
        write_csv(Path(file).expanduser(), jobs)


def _commands_of(folder: Path, again: bool) -> list[list[str]]:
    """The commands that made a sweep: each makes what is missing of its jobs."""
    commands = [list(words) for words in dict.fromkeys(map(tuple, Journal(folder).commands))]
    if not commands:
        raise RunFolderError(f"{folder}: no command is on record; repeat yours with sweep.resume=")
    for words in commands:
        refuse_code(words, folder)
    more = [word("sweep.resume", folder), *(["sweep.retry=true"] if again else [])]
    return [["train", *words, *more] for words in commands]
