"""A reproduction's tables, figures and verdicts as files: ``report.html``, ``results.md``, JSON."""

import base64
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from vaescope.escaping import for_markdown, for_terminal
from vaescope.files import replacing, write_json, write_text
from vaescope.report.html.render import rendered, save_figure
from vaescope.report.html.tables import markdown_table
from vaescope.report.terminal import wide_console
from vaescope.reproduction.cvpr2019.claims import Verdict
from vaescope.reproduction.plan import runs_of
from vaescope.reproduction.results import Result, agreement
from vaescope.run_folder.environment import environment
from vaescope.scores import name_of

COLUMNS = ("run", "score", "published", "ours", "n", "compared", "chance", "setting")


@dataclass(frozen=True)
class Line:
    """One printed number beside ours."""

    run: str
    score: str
    published: str
    ours: str
    n: int
    compared: str
    chance: str
    setting: str


def write_page(
    folder: Path,
    plain: Mapping[str, Any],
    results: Mapping[str, Result],
    judged: Sequence[Verdict],
    drawn: Mapping[str, Figure],
    measured: Mapping[str, Mapping[str, Sequence[float]]],
) -> Path:
    """Write all files and print the tables.

    Args:
        folder: where they go.
        plain: resolved ``reproduce.yaml``.
        results: by the run's name.
        judged: one verdict a claim.
        drawn: figures by the part's name.
        measured: numbers of closed forms by the run's name.

    Returns:
        Path of ``report.html``.
    """
    paper = plain["paper"]
    tables = {
        part: lines
        for part in paper["parts"]
        if part.startswith("table") and (lines := list(_lines(part, paper, results)))
    }
    pictures = {}
    for part, figure in drawn.items():
        with replacing(folder / f"{part}.png") as temporary:
            save_figure(figure, temporary, "png", dpi=120)
        pictures[part] = base64.b64encode((folder / f"{part}.png").read_bytes()).decode("ascii")
    content = {
        "title": paper["title"],
        "source": paper["source"],
        "scale": plain["scale"],
        "command": " ".join([*sys.argv[0].split(), *sys.argv[1:]]).replace("paper=", ""),
        "columns": COLUMNS,
        "tables": {part: [asdict(line) for line in lines] for part, lines in tables.items()},
        "judged": [asdict(verdict) for verdict in judged],
        "measured": measured,
        "unfinished": {r.run.name: r.error for r in results.values() if not r.rows},
        "environment": environment(plain["threads"] or 0),
    }
    write_json(folder / "results.json", content)
    write_text(folder / "results.md", _markdown(content, list(drawn)))
    page = rendered("reproduction.html", {**content, "pictures": pictures})
    write_text(folder / "report.html", page)
    _print(tables, judged, folder)
    return folder / "report.html"


def _lines(part: str, paper: Mapping[str, Any], results: Mapping[str, Result]) -> Iterator[Line]:
    """A line for each number that the paper prints in this table."""
    for run in runs_of([result.run for result in results.values()], paper, [part]):
        result = results[run.name]
        share = part == "table2"
        for key, published in result.published.items():
            if (key == "test/polarized_share") == share and len(values := result.values(key)):
                chance = result.values(f"{key}_chance")
                yield Line(
                    *(run.name, name_of(key), _number(published), _measured(values), len(values)),
                    compared=agreement(values, published),
                    chance=f"{chance.mean():.2f}" if len(chance) else "",
                    setting="; ".join(_setting(result)) or "as published",
                )
        if part == "table1":
            yield from _random_decoder(result, paper["random_decoder"])


def _setting(result: Result) -> list[str]:
    seeds = ", ".join(str(seed) for seed in result.diverged)
    lost = f"diverged: seeds {seeds}" if seeds else ""
    return [part for part in (result.run.differs, *result.run.reduced, lost) if part]


def _random_decoder(result: Result, printed: Mapping[str, Sequence[float]]) -> Iterator[Line]:
    """The untrained decoder: the evaluation before a diagonal model's first update."""
    data, _, method = result.run.name.removeprefix("table1_").rpartition("_")
    if method == "vae" and data.endswith("_beta"):
        data = data.removesuffix("_beta")
    elif method != "vae" or data == "dsprites":
        return
    evaluations = result.evaluations("align/dto")
    if 0 in evaluations:
        yield Line(
            *(f"{data}, random decoder", "dto", _number(printed[data]), _measured(evaluations[0])),
            n=len(evaluations[0]),
            compared=agreement(evaluations[0], printed[data]),
            chance=f"{result.values('test/dto_chance').mean():.2f}" if result.rows else "",
            setting="depends on the initialisation, which is not printed",
        )


def _number(published: Sequence[float]) -> str:
    mean, *spread = published
    return f"{mean:.2f} ± {spread[0]:.2f}" if spread else f"{mean:.3f}"


def _measured(values: np.ndarray) -> str:
    digits = 3 if values.mean() > 0.9 and values.std() < 0.05 else 2
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _markdown(content: Mapping[str, Any], figures: Sequence[str]) -> str:
    lines = [
        f"# {for_markdown(content['title'])}",
        "",
        f"{for_markdown(content['source'])}, scale {for_markdown(content['scale'])}, made by "
        f"{for_markdown(content['command'])}. "
        "Ours: mean ± standard deviation over n seeds (0, 1, ...), on 10,000 observations of the "
        "test part, 1,000 for Jacobians (all where there are fewer).",
    ]
    for part, rows in content["tables"].items():
        lines += ["", f"## {part}", "", *markdown_table(COLUMNS, [list(r.values()) for r in rows])]
    claims = [[str(v["number"]), v["claim"], v["verdict"], v["numbers"]] for v in content["judged"]]
    note = "Verdicts are about the runs as made, reductions included."
    lines += [
        "",
        "## claims",
        "",
        note,
        "",
        *markdown_table(("#", "claim", "verdict", "numbers"), claims),
    ]
    if content["unfinished"]:
        lines += ["", "## not run", ""]
        told = content["unfinished"].items()
        lines += [f"- {for_markdown(name)}: {for_markdown(reason)}" for name, reason in told]
    lines += ["", *[f"![{name}]({name}.png)" for name in figures], ""]
    return "\n".join(lines)


def _print(tables: Mapping[str, Sequence[Line]], judged: Sequence[Verdict], folder: Path) -> None:
    console = wide_console(160)
    for part, lines in tables.items():
        table = Table(*COLUMNS, title=for_terminal(part))
        for line in lines:
            table.add_row(*map(for_terminal, asdict(line).values()))
        console.print(table)
    table = Table("#", "claim", "verdict", "numbers", title="claims")
    for verdict in judged:
        table.add_row(*map(for_terminal, asdict(verdict).values()))
    console.print(table)
    console.print(for_terminal(f"report: {folder / 'report.html'}"), soft_wrap=True)
