"""The table of a sweep: on the terminal, in ``scores.json``, as CSV."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaescope.errors import RunFolderError
from vaescope.files import replacing
from vaescope.report.terminal import print_jobs
from vaescope.run_folder.scores import write_scores
from vaescope.sweeps.journal import Journal
from vaescope.sweeps.results import counted, read_jobs
from vaescope.sweeps.states import Job, State
from vaescope.sweeps.study_file import print_study

SHOWN = ("test/loss", "test/mig", "test/dto", "test/dto_active", "test/dto_active_chance")


def summarise(folder: Path) -> list[Job]:
    """Write a sweep's ``scores.json`` and print its jobs.

    Args:
        folder: of the sweep.

    Returns:
        The jobs.
    """
    jobs = read_jobs(Journal(folder))
    rows = [row | {"job": job.name} for job in jobs for row in job.rows]
    finished = sum(job.state is State.FINISHED for job in jobs)
    if all(job.record.folder != "." for job in jobs):  # else these are the job's own scores
        write_scores(folder, rows, {"jobs": len(jobs), "finished": finished})
    _print(folder, jobs)
    return jobs


def print_table_of(folder: Path) -> list[Job]:
    """Print a sweep's jobs as they stand now; nothing is written."""
    jobs = read_jobs(Journal(folder))
    _print(folder, jobs)
    return jobs


def _print(folder: Path, jobs: Sequence[Job]) -> None:
    print_jobs([_line(job) for job in jobs], SHOWN, f"{folder}: {counted(jobs)}")
    print_study(folder)


def write_csv(path: Path, jobs: Sequence[Job]) -> None:
    """Write the scores, one row a job and seed, whole or not at all.

    Raises:
        RunFolderError: if no job has any.
    """
    rows = [
        {"job": job.name, "overrides": " ".join(job.record.overrides)} | row
        for job in jobs
        for row in job.rows
    ]
    if not rows:
        raise RunFolderError(f"csv={path}: no job has scores yet")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _line(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "overrides": list(job.record.overrides),
        "state": str(job.state),
        "rows": job.rows,
        "error": job.error,
    }
