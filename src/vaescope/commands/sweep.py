"""Sweeps: collect the jobs' scores in one table; tell a search which end of a score is good."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from vaescope.config.loading import read_overrides, read_settings
from vaescope.config.overrides import word
from vaescope.errors import ConfigError, DataError
from vaescope.run_folder.contents import CONFIG, ERROR, HYDRAS, holds_state, last_error
from vaescope.run_folder.scores import has_scores, read_scores, write_scores
from vaescope.scores import direction_of
from vaescope.scores.objective import DEFAULT, objective_keys

log = logging.getLogger(__name__)

SHOWN = ("test/loss", "test/mig", "test/dto", "test/dto_active", "test/dto_active_chance")
NO_JOBS = {"checkpoints", "wandb"}  # folders of a run in which there are no further ones
# where sweepers of Optuna, Nevergrad and Ax have which end is good
DIRECTIONS: dict[str, dict[str, Any]] = {
    "direction": {"maximize": "maximize", "minimize": "minimize"},
    "optim.maximize": {"maximize": True, "minimize": False},
    "ax_config.experiment.minimize": {"maximize": False, "minimize": True},
}
NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


class SweepTable(Callback):
    """Collects the jobs' ``scores.json`` into the sweep folder's and prints the chief scores.

    Hydra's own ``on_multirun_end`` is not reached if a job fails, so the command calls ``finish``.
    """

    folder: ClassVar[Path | None] = None
    mark: ClassVar[str] = ""  # the file by which a job's folder is known
    before: ClassVar[dict[Path, int]] = {}  # marks of earlier jobs in the same folder

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember where the sweep is, and what is there already."""
        folder, records = Path(config.hydra.sweep.dir).resolve(), config.hydra.output_subdir
        mark = "train.log" if records is None else f"{records}/overrides.yaml"
        SweepTable.folder, SweepTable.mark = folder, mark
        SweepTable.before = dict(_marks(folder, mark))
        if is_search(config.hydra):
            steer(config)

    @classmethod
    def finish(cls) -> None:
        """Read every job's folder, those that failed as well; nothing after a single run.

        Raises:
            SystemExit: if the table cannot be written.
        """
        if cls.folder is None:
            return
        from vaescope.report.terminal import print_jobs

        folder, cls.folder = cls.folder, None
        if not folder.is_dir():  # Hydra refused the sweep before its first job
            return
        made = {path for path, time in _marks(folder, cls.mark) if cls.before.get(path) != time}
        jobs = [read_job(path, folder, cls.mark) for path in sorted(made, key=in_order_of_numbers)]
        rows = [row | {"job": job["name"]} for job in jobs for row in job["rows"]]
        finished = sum(bool(job["rows"]) for job in jobs)
        if folder not in made:  # hydra.sweep.subdir=. : these are the job's own scores
            try:
                about = {"jobs": len(jobs), "finished": finished}
                write_scores(folder, rows, about)
            except OSError as error:
                print(f"vaescope: no table of the sweep in {folder}: {error}", file=sys.stderr)
                raise SystemExit(1) from error
        print_jobs(jobs, SHOWN, f"{folder}: {finished} of {len(jobs)} jobs finished")


def is_search(hydra: Any) -> bool:
    """Whether Hydra's sweeper chooses the next jobs by what the ones before gave."""
    sweeper = str(hydra.sweeper.get("_target_"))
    return hydra.mode is RunMode.MULTIRUN and not sweeper.endswith(".BasicSweeper")


def steer(config: DictConfig) -> None:
    """Tell the sweeper which end of the objective is good, unless the command line does.

    Args:
        config: the whole composed configuration; its ``hydra.sweeper`` is changed.
    """
    if config.objective is None:
        log.warning(
            "the search is told %s, in which the settings of the method have their weight; to "
            "compare methods name a score: objective=val/mig",
            DEFAULT,
        )
    try:
        keys = objective_keys(DEFAULT if config.objective is None else config.objective)
    except ConfigError:  # each job says it
        return
    wanted = [direction_of(key) for key in keys]
    told = ", ".join(
        f"{k}: {d or 'no end is good by itself'}" for k, d in zip(keys, wanted, strict=True)
    )
    if any(key.startswith("test/") for key in keys):
        log.warning("%s: what a search has seen says nothing about other data", ", ".join(keys))
    for place, words in DIRECTIONS.items():
        if OmegaConf.select(config.hydra.sweeper, place) is None:
            continue
        given = [
            w
            for w in config.hydra.overrides.hydra
            if w.lstrip("+").startswith(f"hydra.sweeper.{place}=")
        ]
        if given or None in wanted:
            log.info("objective %s; hydra.sweeper.%s stays as it is", told, place)
            return
        chosen = [words[direction] for direction in wanted if direction]
        with read_write(config), open_dict(config):
            value = chosen[0] if len(chosen) == 1 else chosen
            OmegaConf.update(config.hydra.sweeper, place, value)
        log.info("objective %s; hydra.sweeper.%s=%s", told, place, value)
        return
    log.info("objective %s; tell the sweeper so, it gets the scores as they are", told)


def _marks(root: Path, mark: str) -> Iterator[tuple[Path, int]]:
    """Folders of jobs at any depth, and when each was begun."""
    for path, folders, _ in os.walk(root):
        record = Path(path) / mark
        if record.is_file():
            yield Path(path), record.stat().st_mtime_ns
        folders[:] = [n for n in folders if not n.startswith(".") and n not in NO_JOBS]


def read_job(folder: Path, root: Path, mark: str = ".hydra/overrides.yaml") -> dict[str, Any]:
    """What a job's folder says of it, however the job ended.

    Args:
        folder: of the job.
        root: of the sweep.
        mark: file of its overrides, in its folder.

    Returns:
        ``name``, the folder within the sweep's; ``overrides``; ``rows`` of scores, none if it has
        not finished; ``error``, why it has not.
    """
    overrides = read_overrides(folder / mark) if mark.endswith(".yaml") else []
    rows, error = _outcome(_output_dir(folder))
    return {
        "name": folder.relative_to(root).as_posix(),
        "overrides": overrides,
        "rows": rows,
        "error": error,
    }


def _output_dir(folder: Path) -> Path:
    """Where the job wrote: its own folder, or the one that ``output_dir`` named."""
    if has_scores(folder) or any((folder / name).is_file() for name in (ERROR, CONFIG)):
        return folder
    try:
        named = str(read_settings(folder / HYDRAS / CONFIG).get("output_dir", "${"))
    except DataError:
        return folder
    return folder if "${" in named else Path(named).expanduser()


def _outcome(folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Rows of scores, and the last line of the error."""
    error = last_error(folder)
    if not has_scores(folder):
        return [], error or f"stopped before its end; {_advice(folder)}"
    try:
        return list(read_scores(folder).rows), error
    except DataError as fault:
        return [], error or str(fault)


def _advice(folder: Path) -> str:
    if holds_state(folder):
        return f"go on with {word('resume', folder)}"
    return "it has no checkpoint yet: start it anew"


def in_order_of_numbers(path: Path) -> list[tuple[bool, float, str]]:
    """A place in the order in which ``9`` is before ``10`` and ``lr=0.5`` before ``lr=10``."""
    parts = NUMBER.split(path.as_posix())
    return [(i % 2 == 0, float(part) if i % 2 else 0.0, part) for i, part in enumerate(parts)]
