"""What finished runs say, in the form in which tables and claims ask for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from vaescope.config.build import read_yaml
from vaescope.errors import VaescopeError
from vaescope.reproduction.plan import Run
from vaescope.run_folder.contents import CONFIG, LAST
from vaescope.run_folder.metrics import read_metrics
from vaescope.run_folder.scores import has_scores, read_scores
from vaescope.streams import stream

FEW = 10  # seeds below which a bootstrap's intervals are too short


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
        for (step, _), row in read_metrics(self.folder).items():
            if key in row:
                found.setdefault(step, []).append(row[key])
        return {step: np.array(values) for step, values in found.items()}


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


def interval(values: np.ndarray, seed: int = 0, draws: int = 10_000) -> tuple[float, float]:
    """95 % interval of the mean of ``values [n]`` over seeds: bootstrap; Student's t below 10."""
    if len(values) < FEW:
        half = (
            stats.t.ppf(0.975, len(values) - 1) * stats.sem(values) if len(values) > 1 else np.inf
        )
        return float(values.mean() - half), float(values.mean() + half)
    rng = stream(seed, "bootstrap")
    means = rng.choice(values, (draws, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def agreement(values: np.ndarray, published: Sequence[float]) -> str:
    """How our mean compares with a printed ``[mean]`` or ``[mean, std]``, in a few words."""
    mean, *spread = published
    distance = abs(float(values.mean()) - mean)
    rounding = 0.005 if spread else 0.0005  # of the printed digits; shares have three
    if spread and distance <= spread[0] + rounding:
        return "within 1 std"
    if len(values) >= 5:  # fewer seeds have intervals in which almost anything lies
        low, high = interval(values)
        if low - rounding <= mean <= high + rounding:
            return "in our 95 % interval"
    return (
        f"missed by {distance / spread[0]:.1f} std"
        if spread and spread[0]
        else f"missed by {distance:.2g}"
    )


def difference(a: np.ndarray, b: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """Mean of a minus mean of b, with a 95 % interval: bootstrap; Welch's t below 10 seeds."""
    gap = float(a.mean() - b.mean())
    if min(len(a), len(b)) == 1:
        return gap, -np.inf, np.inf
    if min(len(a), len(b)) < FEW:
        errors = [x.var(ddof=1) / len(x) for x in (a, b)]
        freedom = sum(errors) ** 2 / max(
            sum(e**2 / (len(x) - 1) for e, x in zip(errors, (a, b), strict=True)), 1e-300
        )
        half = float(stats.t.ppf(0.975, max(freedom, 1)) * np.sqrt(sum(errors)))
        return gap, gap - half, gap + half
    rng = stream(seed, "bootstrap difference")
    means = [rng.choice(x, (10_000, len(x))).mean(1) for x in (a, b)]
    low, high = np.quantile(means[0] - means[1], (0.025, 0.975))
    return gap, float(low), float(high)
