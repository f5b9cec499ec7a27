"""Blocks of the result pages in ``docs/results``, made of the files of results that lie there."""

import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import yaml

from vaescope.config.loading import config_dir
from vaescope.report.html.tables import markdown_table
from vaescope.reproduction.claims import NOT_TESTED
from vaescope.reproduction.collected import merged
from vaescope.reproduction.machine_time import in_all, with_times
from vaescope.reproduction.page import tables_of
from vaescope.reproduction.plan import planned_runs, runs_of
from vaescope.reproduction.results_file import read_evidence

RESULTS = Path(__file__).parents[2] / "docs" / "results"
CONF = Path(config_dir())
PAPERS = ("cvpr2019", "icml2021", "cascade", "diagnosis")  # whose claims are headlines
EVERY = sorted(path.stem for path in (CONF / "paper").glob("*.yaml"))
DECIDED = ("holds", "fails")


@cache
def plan_of(paper):
    return {"about": None} | yaml.safe_load((CONF / "paper" / f"{paper}.yaml").read_text())


def package_of(paper):
    return import_module(f"vaescope.reproduction.{paper}").PAPER


@cache
def evidence_of(paper):
    """All that is kept of a paper, the scales in the plan's order."""
    files = sorted(RESULTS.glob(f"{paper}-*.json"))
    every = merged(one for file in files for one in read_evidence(file, paper))
    scales = list(plan_of(paper)["scales"])
    return sorted(every, key=lambda one: scales.index(one.scale))


@cache
def tables_in(paper):
    return tables_of(plan_of(paper), package_of(paper), evidence_of(paper))


def results_block(paper):
    """Commands, verdicts and tables of a paper."""
    every = evidence_of(paper)
    for one in every:
        versions = one.machine.get("packages", {})
        with_torch = f", torch {versions['torch']}" if versions.get("torch") else ""
        yield f"- `{one.command}`: {one.date}, {one.machine.get('processor', '')}{with_torch}"
    for name, (columns, rows) in tables_in(paper).every().items():
        yield f"\n### {name.capitalize()}\n"
        yield from markdown_table(columns, rows)


def headlines():
    return tomllib.loads((RESULTS / "claims.toml").read_text(encoding="utf-8"))["claim"]


def verdicts_of(entry):
    """Scale, verdict and numbers of every scale that has tested a claim."""
    found = []
    for verdict in tables_in(entry["paper"]).judged:
        if verdict["number"] == entry["judged"] and verdict["verdict"] != NOT_TESTED:
            scale = next(
                (e.scale for e in evidence_of(entry["paper"])
                 if verdict["numbers"].startswith(f"scale {e.scale}: ")),
                evidence_of(entry["paper"])[0].scale,
            )  # fmt: skip
            numbers = verdict["numbers"].removeprefix(f"scale {scale}: ")
            found.append((scale, verdict["verdict"], numbers))
    return found


def verdict_of(entry):
    """The first that decides, the least reduced scale first, and its scale; else open."""
    verdicts = [(verdict, scale) for scale, verdict, _ in verdicts_of(entry)]
    decided = [each for each in verdicts if each[0] in DECIDED]
    return (decided or verdicts or [(NOT_TESTED, "")])[0]


def claims_block():
    """Every claim with its verdict."""
    yield "| | claim | where | verdict | at scale | others | decided by |"
    yield "|---|---|---|---|---|---|---|"
    for entry in headlines():
        verdict, scale = verdict_of(entry)
        others = [f"{s}: {v}" for s, v, _ in verdicts_of(entry) if s != scale]
        command = f"`{entry['paper']}`, claim {entry['judged']}"
        cells = [entry["name"], entry["claim"], entry["source"], verdict, scale]
        yield row([*cells, "; ".join(others), command])


def row(cells):
    """Of a table; the texts are Markdown already."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def numbers_block():
    """The numbers behind each verdict, and what explains a failure."""
    for entry in headlines():
        verdicts = verdicts_of(entry)
        if verdicts or entry.get("explained"):
            yield f"**{entry['name']}. {entry['claim']}**\n"
            rows = [[scale, verdict, numbers] for scale, verdict, numbers in verdicts]
            if rows:
                yield from markdown_table(("scale", "verdict", "numbers"), rows)
                yield ""
            if entry.get("explained"):
                yield f"{entry['explained']}\n"


def open_block():
    """What is not decided, and how long its runs take as published."""
    rows = []
    for entry in headlines():
        if verdict_of(entry)[0] in DECIDED or "runs" not in entry:
            continue
        plan = plan_of(entry["paper"])
        scale = entry.get("scale", "full")
        planned = planned_runs(entry["paper"], plan, scale, CONF)
        runs = runs_of(planned, {"parts": {"all": entry["runs"]}}, ["all"])
        there = {n for e in evidence_of(entry["paper"]) if e.scale == scale for n in e.finished}
        left = [r for r in with_times(runs, plan, CONF) if r.name not in there and r.experiment]
        timed = [run for run in left if run.minutes]
        told = in_all(timed) if timed else ""
        if len(timed) < len(left):
            told += f"{' and ' * bool(timed)}{len(left) - len(timed)} whose speed is not measured"
        rows.append([entry["name"], verdict_of(entry)[0], scale, str(len(left)), told])
    yield from markdown_table(("", "verdict", "scale", "trainings left", "they take"), rows)


BLOCKS = {"claims": claims_block, "numbers": numbers_block, "open": open_block}
BLOCKS |= {paper: lambda paper=paper: results_block(paper) for paper in EVERY}
