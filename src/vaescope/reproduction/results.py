"""Results of finished runs: final scores and evaluations by key, one value a seed.

Numbers have four significant digits and curves at most 60 points, whether they are read from a
run's folder or from a ``results.json``: both give the same page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.config.loading import read_yaml
from vaescope.errors import VaescopeError
from vaescope.reproduction.plan import Run
from vaescope.run_folder.contents import CONFIG, LAST
from vaescope.run_folder.environment_file import read_environments
from vaescope.run_folder.metrics import Metrics, read_metrics
from vaescope.run_folder.scores import NAME, UNREADABLE, has_scores, read_scores
from vaescope.run_folder.timing_file import read_sessions, seconds_of

MOST_POINTS = 60
NOT_RUN = "not run"


@dataclass(frozen=True)
class Result:
    """One run, finished or not.

    Attributes:
        run: what was planned.
        folder: where it lies; no matter if it is of a ``results.json``.
        rows: its final scores, one row a seed; empty if it has not finished.
        published: what the paper prints, ``[mean, std]`` by key.
        diverged: seeds that diverged and are not among the rows.
        error: why it has not finished, or what went wrong after it had.
        config: its resolved configuration; empty if it has not finished.
        beside: what else is known of it, see `Paper.beside`.
        recorded: its evaluations, if they are of a ``results.json`` and not in the folder.
        made: when, in how many minutes and with what.
        asked_scores: keys of the scores that a page has asked for: what it needs of them.
        asked_evaluations: steps of the evaluations that it has asked for, by key; None: of all.
    """

    run: Run
    folder: Path
    rows: Sequence[Mapping[str, Any]] = ()
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    diverged: Sequence[int] = ()
    error: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    recorded: Metrics | None = None
    made: Mapping[str, Any] = field(default_factory=dict)
    asked_scores: set[str] = field(default_factory=set, compare=False, repr=False)
    asked_evaluations: dict[str, set[int | None]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def checkpoint(self) -> Path:
        """Its last weights."""
        return self.folder / LAST

    def values(self, key: str) -> np.ndarray:
        """A final score of every seed that has it ``[n]``."""
        self.asked_scores.add(key)
        found = (row.get(key) for row in self.rows)
        return np.array([value for value in found if value is not None], dtype=float)

    def evaluations(self, key: str, only: int | None = None) -> dict[int, np.ndarray]:
        """A number of every seed ``[n]`` by step, from the evaluations while it trained.

        Args:
            key: of the log.
            only: the step that is wanted; None: at most 60 of them.
        """
        self.asked_evaluations.setdefault(key, set()).add(only)
        steps = dict.fromkeys(step for (step, _), row in self._metrics.items() if key in row)
        chosen = thinned(list(steps)) if only is None else [step for step in steps if step == only]
        found: dict[int, list[float]] = {step: [] for step in chosen}
        for (step, _), row in self._metrics.items():
            if step in found and key in row:
                found[step].append(significant(row[key]))
        return {step: np.array(values) for step, values in found.items()}

    @cached_property
    def _metrics(self) -> Metrics:
        return read_metrics(self.folder) if self.recorded is None else self.recorded


def read_result(
    run: Run, folder: Path, error: str = "", beside: Mapping[str, Any] | None = None
) -> Result:
    """The result in a run's folder."""
    if error or run.skipped or not has_scores(folder):
        return Result(run, folder, error=run.skipped or error or NOT_RUN)
    try:
        config = read_yaml(folder / CONFIG)
        scores, published = read_scores(folder), config["published"]
    except (VaescopeError, KeyError) as fault:
        return Result(run, folder, error=f"{folder} cannot be read: {fault}; remove it, or mend it")
    rows = [shortened(row) for row in scores.rows]
    diverged = [member["seed"] for member in scores.diverged]
    problem = "" if rows else f"{folder}: scores.json has no rows"
    return Result(
        run,
        folder,
        rows,
        published,
        diverged,
        problem,
        config,
        beside=shortened(beside or {}),
        made=_made(folder),
    )


def _made(folder: Path) -> dict[str, Any]:
    """When a run ended, how long it took, what made its last session: as far as it can be read."""
    ended = datetime.fromtimestamp((folder / NAME).stat().st_mtime, UTC)
    found: dict[str, Any] = {"date": f"{ended:%Y-%m-%d}"}
    if sessions := read_sessions(folder):
        found["minutes"] = significant(sum(seconds_of(sessions).values()) / 60)
    try:
        last = read_environments(folder)[-1]
        machine = ", ".join(filter(None, (last["processor"], last.get("gpu"))))
        found |= {"processor": machine, "torch": last["packages"]["torch"]}
        found["commit"] = (last["git"] or {}).get("commit", "")[:10]
    except UNREADABLE:
        pass
    return found


def significant(value: float) -> float:
    """The number with four significant digits.

    Example:
        >>> significant(0.123456)
        0.1235
    """
    return float(f"{value:.4g}")


def thinned(steps: Sequence[int], most: int = MOST_POINTS) -> Sequence[int]:
    """At most so many of the steps: the first two, the last, and others evenly between.

    Example:
        >>> thinned(range(0, 1000, 100), most=4)
        [0, 100, 500, 900]
    """
    if len(steps) <= most:
        return steps
    places = np.linspace(1, len(steps) - 1, most - 1).round().astype(int)
    return [steps[0], *(steps[place] for place in places)]


def shortened(node: Any) -> Any:
    """Scores, or lists and mappings of them, with four digits; None of what is no finite number."""
    if isinstance(node, Mapping):
        return {key: shortened(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [shortened(value) for value in node]
    if not isinstance(node, float):
        return node
    return significant(node) if math.isfinite(node) else None


Results = Mapping[str, Result]  # by the run's name
