"""One row a run and seed, of plain values: what tables and data frames are made of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vaescope.nested import flat_settings
from vaescope.report.comparison.differences import (
    chosen_keys,
    differing_settings,
    settings_of,
    text_of,
)
from vaescope.report.comparison.seed_groups import is_number
from vaescope.run_folder.runs import FoundRun

ABOUT = ("run", "seed", "step", "model", "data")  # the first columns
PROBLEM = "problem"  # the last


def rows_of_seeds(
    runs: Sequence[FoundRun], settings: Sequence[str] = ()
) -> tuple[list[str], list[dict[str, Any]]]:
    """Every seed of every run, finished or not.

    Args:
        runs: of ``find_runs``.
        settings: further ones, beside those in which the runs differ: ``beta``, ``model.beta`` or
            all of ``model``.

    Returns:
        Columns in order, and rows that may lack some. A column's values are numbers, or texts, or
        truth values: where runs have several kinds, all are texts.

    Raises:
        ConfigError: for a setting that no run has, with close ones.
    """
    known = [settings_of(run) for run in runs]
    differing = differing_settings(known)
    flat = [dict(flat_settings(run.settings)) | own for run, own in zip(runs, known, strict=True)]
    given = chosen_keys(settings, flat)
    shown = [*differing, *sorted(given - {*differing})]
    rows = []
    for run, own in zip(runs, flat, strict=True):
        values = {key: _plain(key, own[key]) for key in shown if own.get(key) is not None}
        rows += [{"run": str(run.folder), **values, **row} for row in _rows_of(run)]
    scores = dict.fromkeys(key for row in rows for key in row if key not in {*shown, *ABOUT})
    scores.pop(PROBLEM, None)
    columns = [*ABOUT, *(key for key in shown if key not in ABOUT), *scores, PROBLEM]
    for column in columns:
        _make_one_kind(column, rows)
    return columns, rows


def _rows_of(run: FoundRun) -> Iterator[Mapping[str, Any]]:
    """Final scores, or why there are none."""
    for row in run.rows:
        plain = {key: value for key, value in row.items() if isinstance(value, str | int | float)}
        yield plain | {PROBLEM: run.problem or None}
    for member in run.diverged:
        reason = f"diverged at update {member['step']}"
        yield {"seed": member["seed"], "step": member["step"], PROBLEM: reason}
    if not run.rows and not run.diverged:
        yield {"seed": run.settings.get("seed"), PROBLEM: run.problem}


def _plain(key: str, value: Any) -> Any:
    """A setting as it is, a list as a text."""
    return value if isinstance(value, str | int | float) else text_of(key, value)


def _make_one_kind(column: str, rows: Sequence[dict[str, Any]]) -> None:
    values = [row[column] for row in rows if row.get(column) is not None]
    is_truth = all(isinstance(value, bool) for value in values)
    if not (is_truth or all(map(is_number, values))):
        for row in rows:
            if row.get(column) is not None:
                row[column] = str(row[column])
