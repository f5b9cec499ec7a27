"""A reproduction's tables, figures and verdicts as files: ``report.html``, ``results.md``, JSON."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from matplotlib.figure import Figure

from vaescope.files import replacing, write_text
from vaescope.report.html.render import inline_svg, rendered, save_figure
from vaescope.report.html.tables import markdown_table
from vaescope.report.terminal import print_table
from vaescope.reproduction.claims import NOT_TESTED, judged, verdicts_in_words
from vaescope.reproduction.collected import Evidence, by_reason
from vaescope.reproduction.paper import OwnTable, Paper
from vaescope.reproduction.results_file import write_results
from vaescope.reproduction.tables import Line, lines_of
from vaescope.run_folder.contents import REPORT
from vaescope.scores import heading

COLUMNS = tuple(field.name for field in fields(Line))
OF_CLAIMS = ("#", "claim", "verdict", "numbers")
NO_RUNS = "from a page, its runs are no longer at hand"

Texts = Sequence[Mapping[str, Any]]  # rows of a table by heading


@dataclass(frozen=True)
class PageTables:
    """All tables of a page, as texts.

    Attributes:
        printed: the paper's, by part: the fields of `Line`.
        own: those that a paper's package adds, by name.
        judged: the fields of `Verdict`.
    """

    printed: Mapping[str, Texts]
    own: Mapping[str, OwnTable]
    judged: Texts

    def every(self) -> dict[str, OwnTable]:
        """Headings and cells of each, that of the claims behind the others."""
        heads = dict.fromkeys(self.printed, COLUMNS) | {"claims": OF_CLAIMS}
        shown = {**self.printed, "claims": self.judged}
        return {**self.own} | {
            name: (heads[name], [list(map(str, row.values())) for row in rows])
            for name, rows in shown.items()
        }


def tables_of(plan: Mapping[str, Any], paper: Paper, every: Sequence[Evidence]) -> PageTables:
    """PageTables and verdicts of what was measured; of several scales each line says its own."""
    told = {e.scale: f"scale {e.scale}: " if len(every) > 1 else "" for e in every}
    printed = {
        part: [line for e in every for line in _lines(part, plan, paper, e, told[e.scale])]
        for part in plan["tables"]
    }
    own = {
        f"{name}, scale {e.scale}" if told[e.scale] else name: table
        for e in every
        for name, table in paper.own_tables(e.finished, e.measured).items()
    }
    verdicts = [v for e in every for v in _verdicts(paper, e, told[e.scale])]
    tested = {v["number"] for v in verdicts if v["verdict"] != NOT_TESTED}
    kept = [v for v in verdicts if v["verdict"] != NOT_TESTED]
    for verdict in verdicts:  # once, if no scale has tested it
        if verdict["number"] not in tested:
            tested.add(verdict["number"])
            kept.append(verdict)
    kept.sort(key=lambda verdict: verdict["number"])
    return PageTables({part: lines for part, lines in printed.items() if lines}, own, kept)


def _lines(
    part: str, plan: Mapping[str, Any], paper: Paper, evidence: Evidence, label: str
) -> Iterator[dict[str, Any]]:
    measured = list(lines_of(part, plan, evidence.results, paper.lines))
    for line in measured:
        yield asdict(line) | {"setting": f"{label}{line.setting}"}
    there = {(line.run, line.score) for line in measured}
    for copied in evidence.from_page.tables.get(part, ()):
        if (copied["run"], copied["score"]) not in there:
            yield {**copied, "setting": f"{label}{copied['setting']}; {NO_RUNS}"}


def _verdicts(paper: Paper, evidence: Evidence, label: str) -> Iterator[dict[str, Any]]:
    """Verdicts on the runs at hand, and those of a page on what they do not test."""
    found = [asdict(v) for v in judged(paper.claims, evidence.results, evidence.measured)]
    copied = {v["number"]: v for v in evidence.from_page.judged}
    for verdict in found:
        numbers, page = verdict["numbers"], copied.get(verdict["number"])
        if verdict["verdict"] == NOT_TESTED and page is not None:
            verdict["verdict"], numbers = page["verdict"], f"{page['numbers']} ({NO_RUNS})"
        yield {**verdict, "numbers": f"{label}{numbers}" if numbers else ""}


def write_page(
    folder: Path,
    name: str,
    plan: Mapping[str, Any],
    paper: Paper,
    every: Sequence[Evidence],
    drawn: Mapping[str, Figure],
) -> Path:
    """Write all files and print the tables.

    Args:
        folder: that is written to.
        name: of the paper.
        plan: content of ``conf/paper/<name>.yaml``.
        paper: what its package adds.
        every: what was measured, one a scale.
        drawn: figures by the part of the plan, with the scale behind it where there are several.
    """
    tables = tables_of(plan, paper, every)
    figures = {part: _drawn(figure, folder / f"{part}.png") for part, figure in drawn.items()}
    head = {key: plan[key] for key in ("title", "source", "about")}
    texts = {"tables": tables.printed, "own_tables": tables.own, "judged": tables.judged}
    write_results(folder / "results.json", name, every, head | texts)
    shown = tables.every()
    page = {
        **head,
        **texts,
        "summary": verdicts_in_words(
            [v["verdict"] for v in tables.judged] if len(every) == 1 else []
        ),
        "by_run": {
            part: list(_by_run(part, lines, folder)) for part, lines in tables.printed.items()
        },
        "made": [(e.scale, e.command, e.date, e.machine.get("processor", "")) for e in every],
        "figures": figures,
        "captions": {part: paper.drawings[part.partition("-")[0]].caption for part in figures},
        "left_out": by_reason(_left_out(every)),
        "in_markdown": {n: Markup("\n".join(markdown_table(*t))) for n, t in shown.items()},
    }
    write_text(folder / "results.md", rendered("reproduction.md", page) + "\n")
    filters: dict[str, Callable[..., Any]] = {"titled": _titled, "parts": _parts_of}
    write_text(folder / "report.html", rendered("reproduction.html", page, filters))
    for part, (columns, rows) in shown.items():
        notes = [f"report: {folder / 'report.html'}"] if part == "claims" else []
        print_table(columns, rows, part, notes)
    return folder / "report.html"


def _left_out(every: Sequence[Evidence]) -> dict[str, str]:
    """Runs that have finished at no scale, and why they have not at the first."""
    finished = {name for evidence in every for name in evidence.finished}
    reasons = {n: why for evidence in every[::-1] for n, why in evidence.left_out.items()}
    return {n: why for n, why in sorted(reasons.items()) if n not in finished}


def _titled(part: str) -> str:
    """``table1`` -> ``Table 1``; what has capitals keeps them."""
    words = re.sub(r"(?<=[a-z])(?=\d)", " ", part.replace("_", " "))
    return words[:1].upper() + words[1:]


def _parts_of(numbers: str) -> list[str]:
    """The numbers of each part of a claim, which semicolons part outside of brackets."""
    return re.split(r"; (?![^(]*\))", numbers) if numbers else []


def _by_run(part: str, lines: Texts, folder: Path) -> Iterator[dict[str, Any]]:
    """Lines of a table by run: its name, its page if there is one, and how it was made."""
    for (run, setting), rows in groupby(lines, lambda line: (line["run"], line["setting"])):
        yield {
            "name": run.removeprefix(f"{part}_"),
            "address": f"{quote(run)}/report.html" if (folder / run / REPORT).is_file() else None,
            "setting": setting,
            "rows": [{**row, "score": heading(f"test/{row['score']}")} for row in rows],
        }


def _drawn(figure: Figure, path: Path) -> Markup:
    """Write a figure as a file; the drawing for the page."""
    with replacing(path) as temporary:
        save_figure(figure, temporary, "png", dpi=120)
    return inline_svg(figure, path.stem)
