"""``vaescope reproduce``: make the runs that are missing, then tables, figures and verdicts."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vaescope.errors import RunsFailedError, VaescopeError
from vaescope.reproduction.cvpr2019 import checkpoints, figures
from vaescope.reproduction.cvpr2019.claims import verdicts
from vaescope.reproduction.cvpr2019.rotation import rotation_curve, rotation_numbers
from vaescope.reproduction.page import write_page
from vaescope.reproduction.plan import chosen_parts, chosen_runs, planned_runs, runs_of
from vaescope.reproduction.results import Result, read_result
from vaescope.reproduction.runner import make_runs
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
    errors = make_runs(
        wanted,
        folder,
        jobs=plain["jobs"] or (1 if cuda else os.cpu_count() or 1),
        threads=plain["threads"] or (None if cuda else 1),
        data_dir=plain["data_dir"],
    )
    results = {
        run.name: read_result(run, folder / run.name, errors.get(run.name, "")) for run in runs
    }
    measured, drawn, unmeasured = _from_checkpoints(results, parts, plain["data_dir"])
    judged = verdicts(results, measured)
    page = write_page(folder, plain, results, judged, drawn, measured)
    without = [results[run.name] for run in wanted if not (run.skipped or results[run.name].rows)]
    _tell_failures({result.run.name: result.error for result in without} | unmeasured, page)
    return page


def _tell_failures(failed: Mapping[str, str], page: Path) -> None:
    """Refuse to end well while a run that was asked for has no scores."""
    if failed:
        lines = [f"{len(failed)} runs failed:" if len(failed) > 1 else "1 run failed:"]
        lines += [f"  - {name}: {error}" for name, error in failed.items()]
        lines.append(f"what each said is in {page.parent}/RUN/process.log; what is there: {page}")
        raise RunsFailedError("\n".join(lines))
    forget_error(page.parent)


def _from_checkpoints(
    results: Mapping[str, Result], parts: list[str], data_dir: str | None
) -> tuple[dict[str, dict[str, list[float]]], dict[str, Figure], dict[str, str]]:
    """Numbers of closed forms by run, the figures of the parts, and why runs are not among them.

    One run is open at a time.
    """
    unmeasured: dict[str, str] = {}
    finished = {name: result for name, result in results.items() if result.rows}
    measured: dict[str, dict[str, list[float]]] = {}
    drawings: dict[str, dict[str, Any]] = {part: {} for part in DRAWN_FROM}
    for name, result in finished.items():
        wanted = [part for part in DRAWN_FROM if part in parts and DRAWN_FROM[part][0](name)]
        diagonal = name.startswith("table1_") and name.endswith("vae")
        if not (wanted or diagonal):
            continue
        try:
            run = checkpoints.opened(result, data_dir)
        except VaescopeError as error:
            unmeasured[name] = f"nothing is measured on its weights: {error}"
            log.error("%s: %s", name, unmeasured[name])
            continue
        if diagonal:
            measured[name] = checkpoints.closed_forms(run)
        for part in wanted:
            drawings[part][name] = DRAWN_FROM[part][1](run)
        if name in drawings["rotation"]:
            numbers = rotation_numbers(drawings["rotation"][name])
            measured[name] = measured.get(name, {}) | numbers
    epochs = finished.get("table1_dsprites_beta_vae")
    made = {
        "rotation": figures.rotation_figure(drawings["rotation"]),
        "convergence": figures.convergence_figure(finished) if "convergence" in parts else None,
        "figure4": figures.epochs_figure(epochs) if epochs and "figure4" in parts else None,
        "figure5": figures.beta_figure(finished) if "figure5" in parts else None,
        "figure6": figures.embedding_figure(drawings["figure6"]),
        "figure7": figures.sorted_latents_figure(drawings["figure7"]),
    }
    drawn = {part: figure for part, figure in made.items() if figure is not None}
    return measured, drawn, unmeasured


# part -> which runs it needs opened, and what it takes from them
DRAWN_FROM: dict[str, tuple[Callable[[str], bool], Callable[[checkpoints.Opened], Any]]] = {
    "rotation": (lambda name: name.startswith("table1_synthetic"), rotation_curve),
    "figure6": (lambda name: name.startswith("table4_"), checkpoints.embeddings),
    "figure7": (
        lambda name: name in ("table1_dsprites_beta_vae", "table1_fashion_mnist_vae"),
        checkpoints.sorted_traversals,
    ),
}
