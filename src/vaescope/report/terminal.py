"""Final scores on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from vaescope.report.glossary import GLOSSARY, in_order, name_of


def print_scores(scores: Mapping[str, float], title: str) -> None:
    """Print every score that the glossary explains, its chance level beside it.

    Args:
        scores: log keys and values.
        title: heading above the table.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("chance", justify="right", no_wrap=True)
    table.add_column("meaning")
    for key in in_order(list(scores)):
        if not key.endswith(("_chance", "_ratio")):
            chance = scores.get(f"{key}_chance")
            shown = "" if chance is None else f"{chance:.3g}"
            table.add_row(key, f"{scores[key]:.4g}", shown, GLOSSARY[name_of(key)])
    console = _console()
    console.print(f"\n{title}", highlight=False, soft_wrap=True)
    console.print(table)


def print_jobs(jobs: Sequence[Mapping[str, Any]], keys: Sequence[str], title: str) -> None:
    """Print one line a job: what is special about it, its chief scores or its error.

    Args:
        jobs: each with ``name``, ``overrides``, ``row`` and ``error``.
        keys: scores to show.
        title: heading above the table.
    """
    shared = set.intersection(*(set(job["overrides"]) for job in jobs)) if len(jobs) > 1 else set()
    table = Table("job", "overrides", *(name_of(key) for key in keys), box=box.SIMPLE_HEAD)
    for job in jobs:
        special = " ".join(word for word in job["overrides"] if word not in shared)
        state = special if job["row"] else f"{special} FAILED"
        values = [f"{job['row'][key]:.4g}" if key in job["row"] else "" for key in keys]
        table.add_row(job["name"], state, *values)
    console = _console()
    console.print(f"\n{title}", highlight=False, soft_wrap=True)
    console.print(table)
    for job in jobs:
        if job["error"]:
            console.print(f"job {job['name']}: {job['error']}", highlight=False, soft_wrap=True)


def _console() -> Console:
    """Standard output; wide where it is a file."""
    console = Console()
    return console if console.is_terminal else Console(width=max(120, console.width))
