"""``vaescope reproduce``: make the runs that are missing, then tables, figures and verdicts."""

import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vaescope.errors import RunsFailedError, VaescopeError
from vaescope.reproduction.page import write_page
from vaescope.reproduction.paper import Numbers, Paper, opened
from vaescope.reproduction.plan import chosen_parts, chosen_runs, planned_runs, runs_of
from vaescope.reproduction.results import Results, read_result
from vaescope.reproduction.runner import make_runs, shared_words
from vaescope.run_folder.contents import forget_error

log = logging.getLogger(__name__)

Plain = Mapping[str, Any]


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
        RunsFailedError: if a run failed; the page says what the others gave.
    """
    parts = chosen_parts(plain["paper"], plain["table"], plain["part"])
    planned = planned_runs(paper, plain["paper"], plain["scale"], config_dir)
    runs = runs_of(planned, plain["paper"], parts)
    folder = Path(plain["output_dir"])
    cuda = torch.cuda.is_available()
    wanted = chosen_runs(runs, plain["only"])
    jobs = plain["jobs"] or (1 if cuda else os.cpu_count() or 1)
    threads, data_dir = plain["threads"] or (None if cuda else 1), plain["data_dir"]
    make = partial(make_runs, folder=folder, jobs=jobs, threads=threads, data_dir=data_dir)
    additions = _paper(paper)
    if additions.decide is not None:
        lacking = make([run for run in wanted if run.command == "modify"])
        able = [
            run
            for run in wanted
            if run.command == "train" and not run.skipped and run.modification not in lacking
        ]
        decided = additions.decide(able, folder, jobs, shared_words(threads, data_dir))
        by_name = {run.name: run for run in decided}
        wanted = [by_name.get(run.name, run) for run in wanted]
    errors = make(wanted)
    results = {
        run.name: read_result(run, folder / run.name, errors.get(run.name, ""))
        for run in runs
        if run.command == "train"
    }
    measured, drawn, unmeasured = _from_weights(additions, results, parts, plain["data_dir"])
    page = write_page(folder, plain, additions, results, drawn, measured)
    trained = [results[run.name] for run in wanted if run.name in results and not run.skipped]
    without = [result for result in trained if not result.rows]
    _tell_failures({result.run.name: result.error for result in without} | unmeasured, page)
    return page


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
