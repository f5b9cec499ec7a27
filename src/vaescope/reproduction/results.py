"""Results of finished runs: final scores and evaluations by key, one value a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.config.loading import read_yaml
from vaescope.errors import VaescopeError
from vaescope.reproduction.plan import Run
from vaescope.run_folder.contents import CONFIG, LAST
from vaescope.run_folder.metrics import Metrics, read_metrics
from vaescope.run_folder.scores import has_scores, read_scores


@dataclass(frozen=True)
class Result:
    """One run, finished or not.

    Attributes:
        run: what was planned.
        folder: where it lies.
        rows: its final scores, one row a seed; empty if it has not finished.
        published: what the paper prints, ``[mean, std]`` by key.
        diverged: seeds that diverged and are not among the rows.
        error: why it has not finished, or what went wrong after it had.
        config: its resolved configuration; empty if it has not finished.
    """

    run: Run
    folder: Path
    rows: Sequence[Mapping[str, Any]] = ()
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    diverged: Sequence[int] = ()
    error: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def checkpoint(self) -> Path:
        """Its last weights."""
        return self.folder / LAST

    def values(self, key: str) -> np.ndarray:
        """A final score of every seed ``[n]``."""
        return np.array([row[key] for row in self.rows if key in row], dtype=float)

    def evaluations(self, key: str) -> dict[int, np.ndarray]:
        """A number of every seed ``[n]`` by step, from the evaluations while it trained."""
        found: dict[int, list[float]] = {}
        for (step, _), row in self._metrics.items():
            if key in row:
                found.setdefault(step, []).append(row[key])
        return {step: np.array(values) for step, values in found.items()}

    @cached_property
    def _metrics(self) -> Metrics:
        return read_metrics(self.folder)


def read_result(run: Run, folder: Path, error: str = "") -> Result:
    """The result in a run's folder."""
    if error or run.skipped or not has_scores(folder):
        return Result(run, folder, error=run.skipped or error or "not run")
    try:
        config = read_yaml(folder / CONFIG)
        scores, published = read_scores(folder), config["published"]
    except (VaescopeError, KeyError) as fault:
        return Result(run, folder, error=f"{folder} cannot be read: {fault}; remove it, or mend it")
    diverged = [member["seed"] for member in scores.diverged]
    problem = "" if scores.rows else f"{folder}: scores.json has no rows"
    return Result(run, folder, scores.rows, published, diverged, problem, config)


Results = Mapping[str, Result]  # by the run's name
