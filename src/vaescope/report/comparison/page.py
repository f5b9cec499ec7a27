"""``vaescope report``: ``report.html``, ``comparison.md`` and ``comparison.json`` of many runs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from vaescope.errors import ConfigError, RunFolderError
from vaescope.files import write_json, write_text
from vaescope.report.comparison.figures import scatter, shown, strip
from vaescope.report.comparison.plots import curves, dots, effects
from vaescope.report.comparison.rows import (
    AGAINST_MIG,
    BESIDE,
    MIG,
    Comparison,
    compare_runs,
    correlation_lines,
)
from vaescope.report.comparison.seed_groups import Group
from vaescope.report.comparison.table_files import check_table_files, write_table_files
from vaescope.report.html.render import inline_svg, rendered
from vaescope.report.html.tables import markdown_table, mean_and_std
from vaescope.report.terminal import print_table
from vaescope.run_folder.contents import forget_error
from vaescope.run_folder.environment_file import environment
from vaescope.run_folder.runs import FoundRun, find_runs
from vaescope.scores import OVER_PRUNING, flag_of, heading, name_of, over_pruned_share, record_of

ABOUT = ("method", "data", "what differs", "updates", "seeds", "over-pruned")


@dataclass(frozen=True)
class Column:
    """A score, or what it is read against: log key, heading, meaning."""

    key: str
    heading: str
    meaning: str
    is_score: bool


def compare(plain: Mapping[str, Any], runs: Sequence[FoundRun] | None = None) -> Path:
    """Compare runs and write what came of it.

    Args:
        plain: resolved ``report.yaml``.
        runs: those in its folders, where they have been read already.

    Returns:
        Path of ``report.html``; ``comparison.md`` and ``comparison.json`` lie beside it.

    Raises:
        ConfigError: for folders without runs, if no run has finished, or for unknown scores.
        RunFolderError: if the folder for the output is that of a run, a sweep or another report.
    """
    folder = Path(plain["output_dir"])
    for name in ("config.yaml", "scores.json", "checkpoints", "multirun.yaml", "report.html"):
        if (folder / name).exists() and not (folder / "comparison.json").exists():
            raise RunFolderError(
                f"output_dir={folder} has {name} of another command; name another folder"
            )
    entries, scores, group_by = (_texts(k, plain[k]) for k in ("runs", "scores", "group_by"))
    if not entries:
        raise ConfigError("runs: none given; say runs=[FOLDER,...]")
    check_table_files(plain)
    found = find_runs(entries) if runs is None else runs
    comparison = compare_runs(found, scores or None, group_by, plain["sort"])
    columns, models = columns_of(comparison), sum(len(g.members) for g in comparison.groups)
    content = {
        "title": f"{models} models in {len(comparison.groups)} groups",
        "note": _note(comparison),
        "columns": [vars(column) for column in columns],
        "groups": [_plain(group, columns) for group in comparison.groups],
        "shared": comparison.shared,
        "correlations": correlation_lines(comparison.groups),
        "remarks": comparison.remarks,
        "environment": environment(plain["threads"] or 0),
    }
    write_json(folder / "comparison.json", content)
    page = content | _page(content, comparison.groups, columns, folder)
    for template, name in (("comparison.md", "comparison.md"), ("comparison.html", "report.html")):
        write_text(folder / name, rendered(template, page) + "\n")
    table = _table(comparison.groups, [column for column in columns if column.is_score])
    files = [folder / "report.html", *write_table_files(plain, found, *table)]
    forget_error(folder)
    _print(content, table, files)
    return folder / "report.html"


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
        columns.append(Column(key, heading(key), _meaning(key, "no score of vaescope"), True))
        for level in BESIDE:
            beside = f"{key}_{level}"
            if any(group.measured(beside) for group in comparison.groups):
                meaning = _meaning(beside, f"{level} of {name_of(key)}")
                columns.append(Column(beside, f"{heading(key)}: {level}", meaning, False))
    return columns


def _meaning(key: str, otherwise: str) -> str:
    record = record_of(key)
    return record.meaning if record else otherwise


def _about(group: Group) -> list[str]:
    pruned = over_pruned_share([member.row for member in group.members])
    return [group.method, group.data, group.label(), f"{group.updates:,}", seeds_of(group), pruned]


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
        "over_pruned": [flag_of(member.row) for member in group.members],
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
    content: Mapping[str, Any], groups: Sequence[Group], columns: Sequence[Column], folder: Path
) -> dict[str, Any]:
    """What the page and the text show beside the numbers."""
    head, body = _table(groups, columns)
    figure = scatter(groups)
    scores = [column.key for column in columns if column.is_score]
    charts, curves_note = curves(groups, scores)
    return {
        "about": ABOUT,
        "over_pruned": OVER_PRUNING,
        "rows": _rows(groups, columns, folder),
        "table": Markup("\n".join(markdown_table(head, body))),  # cells are escaped
        "sentences": [
            f"{line['runs']}: MIG and {line['name']} correlate with {shown(line['r'], line['n'])}."
            for line in content["correlations"]
        ],
        "scatter": inline_svg(figure, "MIG against distance to orthogonality") if figure else None,
        "effects": effects(groups, scores),
        "curves": charts,
        "curves_note": curves_note,
        **_choices(groups, scores),
    }


def _rows(groups: Sequence[Group], columns: Sequence[Column], folder: Path) -> list[dict[str, Any]]:
    """The table of the page: texts, numbers to sort by, strips of seeds, links to the runs."""
    ranges, rows = _ranges(groups, columns), []
    for group in groups:
        cells = []
        for column in columns:
            measured = group.measured(column.key)
            mean = measured.mean if measured else None
            cells.append(
                (_cell(group, column), column.is_score, _strip(group, column, ranges), mean)
            )
        pruned = sum(flag_of(member.row) or False for member in group.members)
        numbers = (group.updates, len(group.members), pruned)
        links = _links(group, folder)
        rows.append({"about": _about(group), "numbers": numbers, "cells": cells, "links": links})
    return rows


def _links(group: Group, folder: Path) -> list[tuple[str, str | None]]:
    """Seeds of each run, and the address of its page seen from ours, if there is one."""
    seeds: dict[Path, list[str]] = {}
    for member in sorted(group.members, key=lambda member: int(member.row["seed"])):
        seeds.setdefault(member.run.folder, []).append(str(member.row["seed"]))
    found: list[tuple[str, str | None]] = []
    for run, inside in seeds.items():
        page, span = run / "report.html", " to ".join(dict.fromkeys((inside[0], inside[-1])))
        address = quote(Path(os.path.relpath(page, folder.absolute())).as_posix())
        found.append((f"seed {span}", address if page.is_file() else None))
    return found


def _choices(groups: Sequence[Group], scores: Sequence[str]) -> dict[str, Any]:
    """What any two scores are drawn from, and the two that come first."""
    data = dots(groups)
    keys = data.pop("keys")
    wanted = [key for key in (*AGAINST_MIG, MIG, *scores) if key in keys]
    first, second = (wanted[0], MIG) if MIG in keys else (*wanted, *keys, None, None)[:2]
    if first == second:
        first = next((key for key in scores if key != MIG), MIG)
    return {"dots": data, "keys": keys, "first": first, "second": second}


def _table(groups: Sequence[Group], columns: Sequence[Column]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of texts."""
    head = [*ABOUT, *(column.heading for column in columns)]
    return head, [[*_about(group), *(_cell(group, c) for c in columns)] for group in groups]


Ranges = Mapping[tuple[str, str], tuple[float, float]]


def _ranges(groups: Sequence[Group], columns: Sequence[Column]) -> Ranges:
    """The scale of each score's strips: one for all groups of the same data."""
    found: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        for column in (c for c in columns if c.is_score):
            for key in (column.key, f"{column.key}_chance"):
                if measured := group.measured(key):
                    inside = found.setdefault((group.data, column.key), [])
                    inside += [*(value for _, value in measured.values), *measured.ends]
    return {key: (min(values), max(values)) for key, values in found.items()}


def _strip(group: Group, column: Column, ranges: Ranges) -> str:
    measured = group.measured(column.key)
    if measured is None or not column.is_score:
        return ""
    chance = group.measured(f"{column.key}_chance")
    scale = ranges[group.data, column.key]
    return strip(measured.values, measured.ends, chance.mean if chance else None, scale)


def _print(
    content: Mapping[str, Any], table: tuple[list[str], list[list[str]]], files: Sequence[Path]
) -> None:
    notes = []
    for line in content["remarks"]:
        seed = f", seed {line['seed']}" if line["seed"] is not None else ""
        notes.append(f"{line['run']} ({line['method']} on {line['data']}{seed}): {line['reason']}")
    written = [f"table: {path}" for path in files[1:]]
    print_table(*table, content["title"], [*notes, f"report: {files[0]}", *written])
