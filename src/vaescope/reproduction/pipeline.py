"""``vaescope reproduce``: make the runs that are missing, then tables, figures and verdicts."""

import logging
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vaescope.errors import ConfigError, RunsFailedError, VaescopeError
from vaescope.reproduction.claims import Measured
from vaescope.reproduction.collected import Evidence, merged
from vaescope.reproduction.machine_time import with_times
from vaescope.reproduction.page import write_page
from vaescope.reproduction.paper import Numbers, Paper, Workplace, opened
from vaescope.reproduction.plan import Run, chosen_parts, chosen_runs, planned_runs, runs_of
from vaescope.reproduction.results import NOT_RUN, Results, read_result, significant
from vaescope.reproduction.results_file import read_evidence
from vaescope.reproduction.runner import made_otherwise, make_runs
from vaescope.run_folder.contents import forget_error
from vaescope.run_folder.environment_file import environment
from vaescope.run_folder.scores import has_scores

log = logging.getLogger(__name__)

Plain = Mapping[str, Any]
SAY_WHERE = ("output_dir=", "data_dir=", "make=")  # words that change nothing in what is made


def reproduce(plain: Plain, paper: str, config_dir: Path) -> Path:
    """Reproduce a paper, or the parts of it that are asked for.

    Args:
        plain: resolved ``reproduce.yaml``.
        paper: its name, an option of ``conf/paper``.
        config_dir: folder of the YAML files.

    Returns:
        Path of the page with tables, figures and verdicts; ``results.md`` and ``results.json`` lie
        beside it.

    Raises:
        ConfigError: for an unknown scale, part or run, or a plan that cannot work.
        DataError: for a file in ``results`` that is none of a reproduction.
        RunsFailedError: if a run failed; the page says what the others gave.
    """
    parts = chosen_parts(plain["paper"], plain["table"], plain["part"])
    additions, folder = _paper(paper), Path(plain["output_dir"])
    if plain["results"]:
        every = _read(plain, paper, parts)
        drawn = _drawn_again(additions, every, parts)
        return write_page(folder, paper, plain["paper"], additions, every, drawn)
    planned = planned_runs(paper, plain["paper"], plain["scale"], config_dir)
    runs = with_times(runs_of(planned, plain["paper"], parts), plain["paper"], config_dir)
    wanted = chosen_runs(runs, plain["only"])
    errors = _make_missing(plain, additions, wanted, folder)
    results = {
        run.name: read_result(
            *(run, folder / run.name, errors.get(run.name, "")),
            beside=additions.beside(folder, run.name),
        )
        for run in runs
        if run.command == "train"
    }
    measured, drawn, unmeasured = _from_weights(additions, results, parts, plain["data_dir"])
    evidence = _evidence(plain, results, measured)
    page = write_page(folder, paper, plain["paper"], additions, [evidence], drawn)
    trained = [results[run.name] for run in wanted if run.name in results and not run.skipped]
    without = [result for result in trained if not result.rows]
    if not plain["make"]:
        without = [result for result in without if result.error != NOT_RUN]
    _tell_failures({result.run.name: result.error for result in without} | unmeasured, page)
    return page


def _make_missing(
    plain: Plain, additions: Paper, wanted: Sequence[Run], folder: Path
) -> dict[str, str]:
    """Make what is missing, unless it is not to be made; why runs have failed, by name."""
    cuda = torch.cuda.is_available()
    jobs = plain["jobs"] or (1 if cuda else os.cpu_count() or 1)
    threads, data_dir = plain["threads"] or (None if cuda else 1), plain["data_dir"]
    make = partial(make_runs, folder=folder, jobs=jobs, threads=threads, data_dir=data_dir)
    if not plain["make"]:
        wanted = [run for run in wanted if has_scores(folder / run.name)]
        make = partial(made_otherwise, folder=folder)
    if additions.decide is not None:
        lacking = make([run for run in wanted if run.command == "modify"])
        able = [
            run
            for run in wanted
            if run.command == "train" and not run.skipped and run.modification not in lacking
        ]
        place = (folder, jobs, threads, data_dir, plain["make"])
        decided = additions.decide(able, Workplace(plain["paper"], plain["scale"], *place))
        by_name = {run.name: run for run in decided}
        wanted = [by_name.get(run.name, run) for run in wanted]
        undecided = {run.name: run.skipped for run in decided if run.skipped}
        return make([run for run in wanted if run.name not in undecided]) | undecided
    return make(wanted)


def _evidence(plain: Plain, results: Results, measured: Measured) -> Evidence:
    """What was measured, with four digits, and what by."""
    words = [*sys.argv[0].split(), *sys.argv[1:]]
    shown = [w.removeprefix("paper=") for w in words if not w.startswith(SAY_WHERE)]
    made = environment(plain["threads"] or 0)
    machine = {key: made[key] for key in ("processor", "python", "packages", "git")}
    if processors := {r.made["processor"] for r in results.values() if "processor" in r.made}:
        machine["processor"] = " and ".join(sorted(processors))  # where runs were made, not here
        versions = {r.made["torch"] for r in results.values() if r.made.get("torch")}
        machine["packages"] |= {"torch": " and ".join(sorted(versions))}
    return Evidence(
        plain["scale"],
        results,
        {
            name: {key: [*map(significant, values)] for key, values in numbers.items()}
            for name, numbers in measured.items()
        },
        shlex.join(shown),
        max((result.made["date"] for result in results.values() if result.made), default=""),
        machine,
    )


def _read(plain: Plain, paper: str, parts: Sequence[str]) -> list[Evidence]:
    """What the files in ``results`` have of the parts, one for each scale."""
    folder, given = Path(plain["output_dir"]), plain["results"]
    if any(folder.glob("*/scores.json")):
        raise ConfigError(f"output_dir={folder}: it holds runs; name another folder for the page")
    files = [given] if isinstance(given, str) else given
    if not (isinstance(files, list) and all(isinstance(file, str) for file in files)):
        raise ConfigError(f"results={given}: give the path of a results.json, or a list of them")
    every = merged(one for file in files for one in read_evidence(Path(file), paper))
    return [one.of(runs_of(one.runs, plain["paper"], parts)) for one in every]


def _drawn_again(
    paper: Paper, every: Sequence[Evidence], parts: Sequence[str]
) -> dict[str, Figure]:
    """The figures of the parts that need no weights."""
    drawn = {
        part if len(every) == 1 else f"{part}-{one.scale}": drawing.draw(one.finished, one.measured)
        for one in every
        for part, drawing in paper.drawings.items()
        if part in parts and (drawing.of_numbers or not drawing.opens)
    }
    return {part: figure for part, figure in drawn.items() if figure is not None}


def _paper(name: str) -> Paper:
    """What the paper's package adds to its plan; nothing without one."""
    if find_spec(f"{__package__}.{name}") is None:
        return Paper()
    found = import_module(f"{__package__}.{name}").PAPER
    assert isinstance(found, Paper)
    return found


def _tell_failures(failed: Mapping[str, str], page: Path) -> None:
    """Refuse to end well while a run that was asked for has no scores."""
    if failed:
        lines = [f"{len(failed)} runs failed:" if len(failed) > 1 else "1 run failed:"]
        lines += [f"  - {name}: {error}" for name, error in failed.items()]
        lines.append(f"what each said is in {page.parent}/RUN/process.log; what is there: {page}")
        raise RunsFailedError("\n".join(lines))
    forget_error(page.parent)


def _from_weights(
    paper: Paper, results: Results, parts: Sequence[str], data_dir: str | None
) -> tuple[dict[str, Numbers], dict[str, Figure], dict[str, str]]:
    """Numbers of weights by run, the figures of the parts, and why runs are not among them.

    One run is open at a time.
    """
    finished = {name: result for name, result in results.items() if result.rows}
    drawings = {part: drawing for part, drawing in paper.drawings.items() if part in parts}
    taken: dict[str, dict[str, Any]] = {part: {} for part in drawings}
    measured: dict[str, Numbers] = {}
    unmeasured: dict[str, str] = {}
    for name, result in finished.items():
        always = [drawing for drawing in paper.always if drawing.needs(name)]
        wanted = {part: drawing for part, drawing in drawings.items() if drawing.needs(name)}
        if not (always or wanted):
            continue
        try:
            run = opened(result, data_dir)
        except VaescopeError as error:
            unmeasured[name] = f"nothing is measured on its weights: {error}"
            log.error("%s: %s", name, unmeasured[name])
            continue
        numbers: Numbers = {}
        for drawing in always:
            numbers |= drawing.numbers(drawing.take(run))
        for part, drawing in wanted.items():
            taken[part][name] = drawing.take(run)
            numbers |= drawing.numbers(taken[part][name])
        if numbers:
            measured[name] = numbers
    made = {part: drawing.draw(finished, taken[part]) for part, drawing in drawings.items()}
    return measured, {part: f for part, f in made.items() if f is not None}, unmeasured
