"""Final scores on the terminal."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from vaescope.escaping import for_terminal
from vaescope.scores import flag_of, name_of, over_pruning_note, record_of, table_keys

OF_YOUR_OWN = "a score or statistic of your own"


def print_scores(
    rows: Sequence[Mapping[str, Any]],
    title: str,
    published: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Print every score, ours and the user's own, chance level and published value beside it.

    Args:
        rows: log keys and values, one row a seed; several are shown as mean ± std.
        title: heading above the table.
        published: ``[mean, std]`` that a paper prints, by key.
        notes: sentences below the table, such as which scores are left out. Over-pruned rows are
            told in any case.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", no_wrap=True)
    for name in ("value", "published", "chance") if published else ("value", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("meaning")
    for key in table_keys(rows):
        record = record_of(key)
        if record and key.endswith("_ratio"):  # the chance level is in the line of the score
            continue
        printed = [shown_published((published or {}).get(key))] if published else []
        chance = shown_mean(rows, f"{key}_chance", digits=3)
        meaning = record.meaning if record else OF_YOUR_OWN
        cells = (key, shown_mean(rows, key), *printed, chance, meaning)
        table.add_row(*map(for_terminal, cells))
    seeds = f", {len(rows)} seeds: mean ± std" if len(rows) > 1 else ""
    _print(table, f"{title}{seeds}", [*filter(None, [over_pruning_note(rows)]), *notes])


def shown_mean(rows: Sequence[Mapping[str, Any]], key: str, digits: int = 4) -> str:
    """One row's value, or ``mean ± std`` of several; empty where no row has it."""
    values = [row[key] for row in rows if isinstance(row.get(key), int | float)]
    if not values:
        return ""
    mean = f"{fmean(values):.{digits}g}"
    return f"{mean} ± {stdev(values):.2g}" if len(values) > 1 and stdev(values) > 0 else mean


def shown_published(value: Sequence[float | None] | None) -> str:
    """``[mean, std]`` as a paper prints it."""
    if not value:
        return ""
    mean, *std = value
    return f"{mean:g} ± {std[0]:g}" if std and std[0] is not None else f"{mean:g}"


def print_jobs(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str], title: str) -> None:
    """Print one line a job: what is special about it, its chief scores or its error.

    Each has ``name``, ``overrides``, ``state``, ``rows`` and ``error``.
    """
    shared = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("job", "overrides"):
        table.add_column(column, overflow="fold")  # the end of a name may be all that differs
    table.add_column("state", no_wrap=True)
    for key in keys:
        table.add_column(name_of(key), no_wrap=True)
    for job in jobs:
        special = " ".join(word for word in job["overrides"] if word not in shared)
        values = [shown_mean(job["rows"], key) for key in keys]
        state = job["state"] + (", over-pruned" if any(map(flag_of, job["rows"])) else "")
        table.add_row(*map(for_terminal, (job["name"], special, state, *values)))
    _print(table, title, [f"job {job['name']}: {job['error']}" for job in jobs if job["error"]])


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, notes: Sequence[str]
) -> None:
    """Print a table of texts, and lines below it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(for_terminal(column), overflow="fold")
    for row in rows:
        table.add_row(*map(for_terminal, row))
    _print(table, title, notes, highlight=False)


def _print(table: Table, title: str, notes: Sequence[str], *, highlight: bool = True) -> None:
    console = wide_console()
    console.print(for_terminal(f"\n{title}"), soft_wrap=True)
    console.print(table, highlight=highlight)
    for note in notes:
        console.print(for_terminal(note), soft_wrap=True)


def wide_console(width: int = 120) -> Console:
    """Standard output; at least so wide where it is a file."""
    console = Console()
    return console if console.is_terminal else Console(width=max(width, console.width))
