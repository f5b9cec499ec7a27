"""Find runs, finished or not, in folders at any depth."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaescope.config.loading import read_settings
from vaescope.errors import ConfigError, DataError
from vaescope.run_folder.contents import CONFIG, HYDRAS, last_error
from vaescope.run_folder.scores import has_scores, read_scores

PARTS_OF_A_RUN = {"data", "model", "trainer", "seed"}  # keys by which its config.yaml is known


@dataclass(frozen=True)
class FoundRun:
    """One run, finished or not.

    Attributes:
        folder: where it lies.
        settings: content of its ``config.yaml``, links as texts; empty if it has none.
        rows: its final scores, one row a seed; empty if it has not finished.
        diverged: ``seed`` and ``step`` of members that are not among the rows.
        data_source: where its images came from.
        problem: why there are no rows, or what went wrong after they had been written.
    """

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    diverged: Sequence[Mapping[str, Any]] = ()
    data_source: str = ""
    problem: str = ""


def read_run_settings(folder: Path) -> Mapping[str, Any]:
    """Content of a run's ``config.yaml``, links as texts; empty if it cannot be read."""
    try:
        return read_settings(folder / CONFIG)
    except DataError:
        return {}


def find_runs(entries: Sequence[str]) -> list[FoundRun]:
    """All runs in some folders.

    Args:
        entries: folders of runs, and folders that hold them at any depth.

    Returns:
        Each run once, in the order of the entries and then of the paths.

    Raises:
        ConfigError: for an entry that is no folder or holds no run.
    """
    found: dict[Path, FoundRun] = {}
    for entry in entries:
        root = Path(entry).expanduser().resolve()
        if not root.is_dir():
            kind = "is a file" if root.exists() else "does not exist"
            raise ConfigError(f"runs: {root} {kind}; give folders of runs")
        runs = list(_runs_in(root))
        if not runs:
            raise ConfigError(f"runs: {_why_none(root)}")
        found |= {run.folder: run for run in runs}
    return list(found.values())


def _why_none(root: Path) -> str:
    if (root / CONFIG).is_file():
        return f"{root} is not a run of vaescope train: its config.yaml has no model and trainer"
    if has_scores(root) and not (root / "multirun.yaml").is_file():
        return f"{root} is not a run: it has scores.json, but no config.yaml (evaluate leaves none)"
    return f"no runs found in {root}; a run's folder holds config.yaml and scores.json"


def _runs_in(root: Path) -> Iterator[FoundRun]:
    for path, folders, _ in os.walk(root):
        run = _run_at(Path(path))
        if run is not None:
            yield run
            folders.clear()  # what a run's own folder holds are no runs
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def _run_at(folder: Path) -> FoundRun | None:
    """The run in this very folder, if there is one.

    A run that was refused before it wrote its own ``config.yaml`` is known by Hydra's.
    """
    own, hydras = folder / CONFIG, folder / HYDRAS / CONFIG
    path = own if own.is_file() else hydras
    if not path.is_file():
        return None
    try:
        settings = read_settings(path)
    except DataError as error:
        unfinished = hydras.is_file() or has_scores(folder)
        return FoundRun(folder, problem=str(error)) if unfinished else None
    if not settings.keys() >= PARTS_OF_A_RUN:
        return None
    told = last_error(folder)
    if path == hydras or not has_scores(folder):
        problem = f"failed: {told}" if told else "unfinished: no scores.json yet"
        return FoundRun(folder, settings, problem=problem)
    problem = f"failed after these scores: {told}" if told else ""
    try:
        scores = read_scores(folder, trained=True)
    except DataError as error:
        return FoundRun(folder, settings, problem=f"unreadable: scores.json ({error.__cause__!r})")
    if not scores.rows:
        problem = problem or "failed: scores.json has no rows"
    return FoundRun(folder, settings, scores.rows, scores.diverged, scores.data_source, problem)
