"""A reproduction's tables, figures and verdicts as files: ``report.html``, ``results.md``, JSON."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from vaescope.files import replacing, write_json, write_text
from vaescope.report.html.render import inline_svg, rendered, save_figure
from vaescope.report.html.tables import markdown_table
from vaescope.report.terminal import print_table
from vaescope.reproduction.claims import Measured, judged
from vaescope.reproduction.paper import Paper
from vaescope.reproduction.results import Results
from vaescope.reproduction.tables import Line, lines_of
from vaescope.run_folder.environment_file import environment

COLUMNS = tuple(field.name for field in fields(Line))
OF_CLAIMS = ("#", "claim", "verdict", "numbers")


def write_page(
    folder: Path,
    plain: Mapping[str, Any],
    paper: Paper,
    results: Results,
    drawn: Mapping[str, Figure],
    measured: Measured,
) -> Path:
    """Write all files and print the tables."""
    plan = plain["paper"]
    tables = {
        part: [asdict(line) for line in lines]
        for part in plan["tables"]
        if (lines := list(lines_of(part, plan, results, paper.lines)))
    }
    own = paper.own_tables({name: r for name, r in results.items() if r.rows}, measured)
    verdicts = [asdict(verdict) for verdict in judged(paper.claims, results, measured)]
    figures = {part: _drawn(figure, folder / f"{part}.png") for part, figure in drawn.items()}
    content = {
        "title": plan["title"],
        "source": plan["source"],
        "about": plan["about"],
        "scale": plain["scale"],
        "command": " ".join([*sys.argv[0].split(), *sys.argv[1:]]).replace("paper=", ""),
        "columns": COLUMNS,
        "tables": tables,
        "own_tables": own,
        "judged": verdicts,
        "measured": measured,
        "unfinished": {r.run.name: r.error for r in results.values() if not r.rows},
        "environment": environment(plain["threads"] or 0),
    }
    write_json(folder / "results.json", content)
    shown = {**own, **_texts(tables, verdicts)}
    in_markdown = {name: Markup("\n".join(markdown_table(*table))) for name, table in shown.items()}
    captions = {part: paper.drawings[part].caption for part in figures}
    page = {**content, "figures": figures, "captions": captions, "in_markdown": in_markdown}
    write_text(folder / "results.md", rendered("reproduction.md", page) + "\n")
    write_text(folder / "report.html", rendered("reproduction.html", page))
    for part, (columns, rows) in shown.items():
        notes = [f"report: {folder / 'report.html'}"] if part == "claims" else []
        print_table(columns, rows, part, notes)
    return folder / "report.html"


def _drawn(figure: Figure, path: Path) -> Markup:
    """Write a figure as a file; the drawing for the page."""
    with replacing(path) as temporary:
        save_figure(figure, temporary, "png", dpi=120)
    return inline_svg(figure, path.stem)


def _texts(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], verdicts: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[Sequence[str], list[list[str]]]]:
    """Headings and cells of each table, that of the claims behind the paper's."""
    heads = dict.fromkeys(tables, COLUMNS) | {"claims": OF_CLAIMS}
    every = {**tables, "claims": verdicts}
    return {
        name: (heads[name], [list(map(str, row.values())) for row in rows])
        for name, rows in every.items()
    }
