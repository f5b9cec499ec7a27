"""What came of a sweep's jobs: how they stand, and the value of the objective."""

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from vaescope.errors import JobKilledError, RunsFailedError, VaescopeError
from vaescope.run_folder.scores import read_validated
from vaescope.scores.objective import names_of, no_score, objective_keys, objective_values
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.states import Job, State, read_job, state_of


def value_of(job: Job, objective: Any) -> float | tuple[float, ...] | None:
    """What a sweeper is told of a job that has finished; None without an objective.

    Raises:
        ConfigError: for a score that the run does not have.
        DataError: if what it has left cannot be read.
    """
    if objective is None:
        return None
    keys = objective_keys(objective)
    validated = read_validated(job.folder)
    rows = [row for row in validated if job.record.seed in (None, row.get("seed"))]
    found = objective_values(keys, job.rows, rows)
    values = []
    for key, value in found.items():
        if value is None:
            raise no_score(key, names_of(job.rows if key.startswith("test/") else rows))
        values.append(value)
    return values[0] if len(values) == 1 else tuple(values)


def outcome_of(journal: Journal, record: JobRecord, objective: Any, how: str) -> JobReturn:
    """What came of a job whose process has ended, as its folder tells.

    Args:
        journal: of the sweep.
        record: of the job, or of the first of a pack.
        objective: the setting.
        how: it ended, if it has left neither scores nor an error.
    """
    result = JobReturn(overrides=record.overrides, status=JobStatus.COMPLETED)
    job = read_job(journal, record)
    try:
        if state_of(journal, record) is State.FINISHED:
            result.return_value = None if record.pack else value_of(job, objective)
        elif job.state is not State.PRUNED:
            failed = job.state is State.FAILED and not job.killed
            raise RunsFailedError(job.error) if failed else JobKilledError(how)
    except VaescopeError as error:
        result.status, result.return_value = JobStatus.FAILED, error
    return result


def read_jobs(journal: Journal) -> list[Job]:
    """All jobs of a sweep with their scores, in the order of their numbers."""
    return [read_job(journal, record) for _, record in sorted(journal.records.items())]


def counted(jobs: Sequence[Job]) -> str:
    """How many jobs there are of each state: ``3 of 4 jobs finished, 1 failed``."""
    numbers = {state: sum(job.state is state for job in jobs) for state in State}
    finished = numbers.pop(State.FINISHED)
    others = "".join(f", {number} {state}" for state, number in numbers.items() if number)
    return f"{finished} of {len(jobs)} jobs finished{others}"
