"""``vaescope report``: ``report.html``, ``comparison.md`` and ``comparison.json`` of many runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vaescope.errors import ConfigError, RunFolderError
from vaescope.files import write_json, write_text
from vaescope.report.comparison.figures import scatter, shown, strip
from vaescope.report.comparison.rows import (
    AGAINST_MIG,
    BESIDE,
    MIG,
    Comparison,
    compared,
    correlations,
)
from vaescope.report.comparison.seed_groups import Group, Measured
from vaescope.report.html.render import inline_svg, rendered
from vaescope.report.html.tables import markdown_table, mean_and_std
from vaescope.report.terminal import print_table
from vaescope.run_folder.contents import forget_error
from vaescope.run_folder.environment_file import environment
from vaescope.run_folder.runs import find_runs
from vaescope.scores import heading, name_of, record_of

ABOUT = ("method", "data", "what differs", "updates", "seeds")


@dataclass(frozen=True)
class Column:
    """A score, or what it is read against: log key, heading, meaning."""

    key: str
    heading: str
    meaning: str
    is_score: bool


def compare(plain: Mapping[str, Any]) -> Path:
    """Compare runs and write what came of it.

    Args:
        plain: resolved ``report.yaml``.

    Returns:
        Path of ``report.html``; ``comparison.md`` and ``comparison.json`` lie beside it.

    Raises:
        ConfigError: for folders without runs, if no run has finished, or for unknown scores.
        RunFolderError: if the folder for the output is that of a run, a sweep or another report.
    """
    folder = Path(plain["output_dir"])
    _refuse_folder_of_another(folder)
    entries = _texts("runs", plain["runs"])
    if not entries:
        raise ConfigError("runs: none given; say runs=[FOLDER,...]")
    scores, group_by = (_texts(key, plain[key]) for key in ("scores", "group_by"))
    comparison = compared(find_runs(entries), scores or None, group_by, plain["sort"])
    columns, correlated = columns_of(comparison), _correlated(comparison)
    content = {
        "title": _title(comparison),
        "note": _note(comparison),
        "columns": [vars(column) for column in columns],
        "groups": [_plain(group, columns) for group in comparison.groups],
        "shared": comparison.shared,
        "correlations": correlated,
        "remarks": comparison.remarks,
        "environment": environment(plain["threads"] or 0),
    }
    write_json(folder / "comparison.json", content)
    page = content | _page(comparison, columns, correlated)
    for template, name in (("comparison.md", "comparison.md"), ("comparison.html", "report.html")):
        write_text(folder / name, rendered(template, page) + "\n")
    forget_error(folder)
    _print(comparison, columns, folder)
    return folder / "report.html"


def _refuse_folder_of_another(folder: Path) -> None:
    """Nothing that another command has written is written over."""
    others = [
        name
        for name in ("config.yaml", "scores.json", "checkpoints", "multirun.yaml", "report.html")
        if (folder / name).exists() and not (folder / "comparison.json").exists()
    ]
    if others:
        raise RunFolderError(
            f"output_dir={folder} has {others[0]} of another command; name another folder"
        )


def _texts(option: str, value: Any) -> list[str] | None:
    """A list of texts; a single text is a list of one."""
    if value is None:
        return None
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{option}: {value!r} was given; give a list of texts, {option}=[a,b]")
    return entries


def columns_of(comparison: Comparison) -> list[Column]:
    """Each score, behind it its chance level and its ceiling where a run has them."""
    columns = []
    for key in comparison.keys:
        record = record_of(key)
        meaning = record.meaning if record else "no score of vaescope"
        columns.append(Column(key, heading(key), meaning, True))
        for level in BESIDE:
            beside = f"{key}_{level}"
            if any(group.measured(beside) for group in comparison.groups):
                record = record_of(beside)
                meaning = record.meaning if record else f"{level} of {name_of(key)}"
                columns.append(Column(beside, f"{heading(key)}: {level}", meaning, False))
    return columns


def _whose(line: Mapping[str, Any]) -> str:
    seed = f", seed {line['seed']}" if line["seed"] is not None else ""
    return f"({line['method']} on {line['data']}{seed})"


def _about(group: Group) -> list[str]:
    return [group.method, group.data, group.label(), f"{group.updates:,}", seeds_of(group)]


def seeds_of(group: Group) -> str:
    """``3``, or ``3 (6 runs)`` where ``group_by`` averages over more than seeds."""
    seeds = {member.row["seed"] for member in group.members}
    runs = len(group.members)
    return f"{len(seeds)}" if runs == len(seeds) else f"{len(seeds)} ({runs} runs)"


def _cell(group: Group, column: Column) -> str:
    """``0.264 ± 0.124 (5)``; of a chance level the mean."""
    measured = group.measured(column.key)
    if measured is None:
        return ""
    if not column.is_score:
        return f"{measured.mean:.2g}"
    return f"{mean_and_std(measured.mean, measured.std)} ({measured.n})"


def _title(comparison: Comparison) -> str:
    models = sum(len(group.members) for group in comparison.groups)
    return f"{models} models in {len(comparison.groups)} groups"


def _note(comparison: Comparison) -> str:
    """What all numbers of the table have in common."""
    rows = [member.row for group in comparison.groups for member in group.members]
    counts = sorted({int(row["num_samples"]) for row in rows if "num_samples" in row})
    span = " to ".join(dict.fromkeys(f"{count:,}" for count in (*counts[:1], *counts[-1:])))
    samples = f", on {span} observations of the test part" if counts else ""
    shared = ", ".join(f"{name}={value}" for name, value in comparison.shared.items())
    return (
        f"Mean ± standard deviation (n seeds){samples}; the standard deviation divides by n − 1."
        + (f" All runs: {shared}." if shared else "")
    )


def _correlated(comparison: Comparison) -> list[dict[str, Any]]:
    """What the MIG correlates with, where enough runs have both."""
    return [
        {"runs": panel, "mig": MIG, "score": key, "name": name, "r": r, "n": n}
        for key, name in AGAINST_MIG.items()
        for panel, (r, n) in correlations(comparison.groups, key).items()
        if r is not None
    ]


def _sentences(correlated: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{line['runs']}: MIG and {line['name']} correlate with {shown(line['r'], line['n'])}."
        for line in correlated
    ]


def _plain(group: Group, columns: Sequence[Column]) -> dict[str, Any]:
    """A group as it goes into ``comparison.json``."""
    return {
        "method": group.method,
        "data": group.data,
        "updates": group.updates,
        "differs": dict(group.differs),
        "pooled": dict(group.pooled),
        "seeds": [member.row["seed"] for member in group.members],
        "runs": list(dict.fromkeys(str(member.run.folder) for member in group.members)),
        "scores": {
            column.key: {
                "mean": measured.mean,
                "std": measured.std,
                "n": measured.n,
                "values": [value for _, value in measured.values],
            }
            for column in columns
            if (measured := group.measured(column.key)) is not None
        },
    }


def _page(
    comparison: Comparison, columns: Sequence[Column], correlated: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the page and the text show beside the numbers."""
    groups = comparison.groups
    ranges = _ranges(groups, columns)
    cells = [[(_cell(g, c), c.is_score, _strip(g, c, ranges)) for c in columns] for g in groups]
    head = [*ABOUT, *(column.heading for column in columns)]
    body = [
        [*_about(group), *(text for text, *_ in row)]
        for group, row in zip(groups, cells, strict=True)
    ]
    figure = scatter(groups)
    return {
        "about": ABOUT,
        "rows": [
            {"about": _about(group), "cells": row} for group, row in zip(groups, cells, strict=True)
        ],
        "table": Markup("\n".join(markdown_table(head, body))),  # cells are escaped
        "sentences": _sentences(correlated),
        "scatter": inline_svg(figure) if figure else None,
    }


Ranges = Mapping[tuple[str, str], tuple[float, float]]


def _ranges(groups: Sequence[Group], columns: Sequence[Column]) -> Ranges:
    """The scale of each score's strips: one for all groups of the same data."""
    found: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        for column in (c for c in columns if c.is_score):
            for key in (column.key, f"{column.key}_chance"):
                if measured := group.measured(key):
                    inside = found.setdefault((group.data, column.key), [])
                    inside += [*(value for _, value in measured.values), *_ends(measured)]
    return {key: (min(values), max(values)) for key, values in found.items()}


def _ends(measured: Measured) -> tuple[float, float]:
    half = measured.std or 0.0
    return measured.mean - half, measured.mean + half


def _strip(group: Group, column: Column, ranges: Ranges) -> str:
    measured = group.measured(column.key)
    if measured is None or not column.is_score:
        return ""
    chance = group.measured(f"{column.key}_chance")
    scale = ranges[group.data, column.key]
    return strip(measured.values, _ends(measured), chance.mean if chance else None, scale)


def _print(comparison: Comparison, columns: Sequence[Column], folder: Path) -> None:
    scores = [column for column in columns if column.is_score]
    rows = [[*_about(group), *(_cell(group, c) for c in scores)] for group in comparison.groups]
    notes = [f"{line['run']} {_whose(line)}: {line['reason']}" for line in comparison.remarks]
    headings = [*ABOUT, *(column.heading for column in scores)]
    print_table(headings, rows, _title(comparison), [*notes, f"report: {folder / 'report.html'}"])
