"""Results of a run on its dashboards: table of scores, report, files that are kept."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from vaescope.loggers.tracker import Cell, trackers
from vaescope.scores import CONTEXT, record_of
from vaescope.scores.objective import objective_keys, objective_values

COLUMNS = ("score", "value", "std", "seeds", "chance", "ceiling", "range", "meaning")


def score_table(rows: Sequence[Mapping[str, Any]]) -> list[list[Cell]]:
    """A line for each score that has a record, in the form of ``COLUMNS``; means over seeds.

    Args:
        rows: log keys and values, one row a seed.

    Example:
        >>> lines = score_table([{"seed": 0, "test/mig": 0.5, "test/mig_chance": 0.25}])
        >>> lines[0][:6]
        ['test/mig', 0.5, None, 1, 0.25, None]
    """
    values: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            if "/" in key and isinstance(value, int | float):
                values.setdefault(key, []).append(float(value))
    means = {key: fmean(found) for key, found in values.items()}
    lines: list[list[Cell]] = []
    for key, found in values.items():
        record, base = record_of(key), key.rpartition("_")
        if record is None or (base[2] in CONTEXT and base[0] in means):
            continue
        std = stdev(found) if len(found) > 1 else None
        beside = [means.get(f"{key}_{end}") for end in ("chance", "ceiling")]
        about = [record.range_and_good_end, record.meaning]
        lines.append([key, means[key], std, len(found), *beside, *about])
    return lines


def show_objective(
    loggers: Iterable[Logger],
    objective: Any,
    rows: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, float]],
    step: int,
) -> None:
    """Give dashboards the value that a search is told: ``objective``, or ``objective/KEY`` of each.

    Args:
        loggers: of the run.
        objective: the setting; None: there is no search.
        rows: scores on the test part.
        history: evaluations of the validation part; the last counts.
        step: number of updates.
    """
    if objective is None:
        return
    last = [row for row in history if row["step"] == history[-1]["step"]]
    values = objective_values(objective_keys(objective), rows, last)
    names = {key: "objective" if len(values) == 1 else f"objective/{key}" for key in values}
    found = {names[key]: value for key, value in values.items() if value is not None}
    for tracker in trackers(loggers):
        tracker.log_metrics(found, step)


def show_results(
    loggers: Iterable[Logger],
    rows: Sequence[Mapping[str, Any]],
    *,
    report: Path,
    files: Mapping[str, Sequence[Path]],
    step: int,
) -> None:
    """Give the results of a run to every dashboard.

    Args:
        loggers: of the run.
        rows: of ``scores.json``.
        report: the run's page.
        files: what may be kept, by its kind; a dashboard keeps the kinds that it was asked to.
        step: number of updates.
    """
    lines = score_table(rows)
    for tracker in trackers(loggers):
        tracker.show(lambda sink: sink.log_table("scores", COLUMNS, lines, step))
        tracker.show(lambda sink: sink.log_page("report", report, step))
        for kind in tracker.artifacts:
            if found := [path for path in files.get(kind, ()) if path.is_file()]:
                tracker.show(lambda sink, k=kind, f=found: sink.log_files(k, f, step))  # type: ignore[misc]
