"""``vaescope reproduce``: make the runs that are missing, then tables, figures and verdicts."""

import logging
import os
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vaescope.errors import ConfigError
from vaescope.reproduction import checkpoints, figures
from vaescope.reproduction.claims import verdicts
from vaescope.reproduction.page import write_page
from vaescope.reproduction.plan import Run, chosen_parts, planned_runs, runs_of
from vaescope.reproduction.results import Result, read_result
from vaescope.reproduction.runner import make_runs

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
        ConfigError: for an unknown scale or part, or a plan that cannot work.
    """
    if plain["jobs"] is not None and plain["jobs"] < 1:
        raise ConfigError(f"jobs={plain['jobs']}: give at least 1, or null")
    parts = chosen_parts(plain["paper"], plain["table"], plain["part"])
    planned = planned_runs(paper, plain["paper"], plain["scale"], config_dir)
    runs = runs_of(planned, plain["paper"], parts)
    folder = Path(plain["output_dir"])
    cuda = torch.cuda.is_available()
    wanted = [run for run in runs if plain["only"] is None or fnmatchcase(run.name, plain["only"])]
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
    measured, drawn = _from_checkpoints(results, parts, plain["data_dir"])
    judged = verdicts(results, measured)
    return write_page(folder, plain, results, judged, drawn, measured)


def _from_checkpoints(
    results: Mapping[str, Result], parts: list[str], data_dir: str | None
) -> tuple[dict[str, dict[str, list[float]]], dict[str, Figure]]:
    """Numbers of closed forms by run, and the figures of the parts."""
    finished = {name: result for name, result in results.items() if result.rows}
    opened = {
        name: checkpoints.opened(result, data_dir)
        for name, result in finished.items()
        if _opens(result.run)
    }
    measured = {name: checkpoints.closed_forms(run) for name, run in opened.items()}

    def of(start: str, measure: Callable[[checkpoints.Opened], Any]) -> dict[str, Any]:
        return {name: measure(run) for name, run in opened.items() if name.startswith(start)}

    makers: dict[str, Callable[[], Figure | None]] = {
        "rotation": lambda: figures.rotation_figure(
            of("table1_synthetic", checkpoints.rotation_curve)
        ),
        "convergence": lambda: figures.convergence_figure(finished),
        "figure4": lambda: (
            figures.epochs_figure(finished["table1_dsprites_beta_vae"])
            if "table1_dsprites_beta_vae" in finished
            else None
        ),
        "figure5": lambda: figures.beta_figure(finished),
        "figure6": lambda: figures.embedding_figure(of("table4_", checkpoints.embeddings)),
        "figure7": lambda: figures.sorted_latents_figure(
            {
                name: checkpoints.sorted_traversals(opened[name])
                for name in ("table1_dsprites_beta_vae", "table1_fashion_mnist_vae")
                if name in opened
            }
        ),
    }
    drawn = {part: makers[part]() for part in parts if part in makers}
    return measured, {part: figure for part, figure in drawn.items() if figure is not None}


def _opens(run: Run) -> bool:
    """Whether something is measured on the run's weights."""
    return run.name.startswith(("table1_", "table4_"))
