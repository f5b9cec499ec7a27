"""Train the runs that are missing, each in a process of its own; begun ones are resumed."""

import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vaescope.config.loading import read_overrides, read_value, read_yaml
from vaescope.config.overrides import word
from vaescope.errors import first_line
from vaescope.reproduction.plan import Run
from vaescope.run_folder.contents import (
    CONFIG,
    HYDRAS,
    LAST,
    REPORT,
    forget_error,
    holds_state,
    last_error,
)
from vaescope.run_folder.scores import has_scores

log = logging.getLogger(__name__)

# overrides that change how a run is made and not what it gives
OF_THE_MACHINE = {
    "experiment",
    "threads",
    "data_dir",
    "compile",
    "logger",
    "callbacks.progress.bar",
}


def is_done(folder: Path) -> bool:
    """Whether the run in ``folder`` has its final scores, and the report that it can write."""
    reported = (folder / REPORT).is_file() or not holds_state(folder)
    return has_scores(folder) and reported


def make_runs(
    runs: Sequence[Run], folder: Path, *, jobs: int, threads: int | None, data_dir: str | None
) -> dict[str, str]:
    """Train what is not trained yet; a run that fails leaves the others alone.

    Args:
        runs: to be made.
        folder: each run's folder lies in it, under the run's name.
        jobs: runs at a time.
        threads: torch threads of each.
        data_dir: where data sets lie; None: the user's cache folder.

    Returns:
        The last line of the error of every run that failed, by name.
    """
    kept = [run for run in runs if not run.skipped]
    others = {run.name: other for run in kept if (other := other_settings(run, folder / run.name))}
    wanted = [r for r in kept if r.name not in others and not is_done(folder / r.name)]
    if wanted:
        log.info("%d of %d runs to make, %d at a time", len(wanted), len(runs), jobs)
    shared = [each for each in (f"threads={threads}" if threads else "", _data(data_dir)) if each]
    started: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(jobs) as pool:
        errors = pool.map(lambda run: _tried(run, folder / run.name, shared, started), wanted)
        try:
            failed = {run.name: error for run, error in zip(wanted, errors, strict=True) if error}
        except BaseException:
            # a signal: the runs that go on keep their states, and no other begins
            pool.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.terminate()
            raise
    return others | failed


def other_settings(run: Run, folder: Path) -> str:
    """Why the run in ``folder`` is not the planned one; nothing if it is, or if there is none."""
    record = folder / HYDRAS / "overrides.yaml"
    if not (folder / CONFIG).is_file():
        return ""
    try:
        config = read_yaml(folder / CONFIG)
        words = read_overrides(record)
    except Exception as error:  # of YAML, of OmegaConf, of the disk
        return f"{folder} cannot be read: {first_line(error)}; remove it"
    planned = dict(map(_pair, run.words))
    made = {key: _value_at(config, key) for key in planned}
    wanted = {key: read_value(text) for key, text in planned.items()}
    for key, text in map(_pair, words):
        if key not in planned and key not in OF_THE_MACHINE:
            made[key], wanted[key] = text, "what the experiment says"
    for key, value in made.items():
        if value != wanted[key]:
            return (
                f"{folder} was made with {key}={value}, not {wanted[key]}; remove it, or give "
                "another output_dir"
            )
    return ""


def _pair(override: str) -> tuple[str, str]:
    key, _, text = override.partition("=")
    return key, text


def _value_at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _data(data_dir: str | None) -> str:
    return word("data_dir", data_dir) if data_dir else ""


def _tried(
    run: Run, folder: Path, shared: Sequence[str], started: list[subprocess.Popen[bytes]]
) -> str:
    """``_make``, with what the disk refuses as an error like others."""
    try:
        return _make(run, folder, shared, started)
    except OSError as error:
        return str(error)


def _make(
    run: Run, folder: Path, shared: Sequence[str], started: list[subprocess.Popen[bytes]]
) -> str:
    """Train one run to its end; the last line of its error, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["logger=[csv]", "callbacks.progress.bar=false"]
    words = [
        f"experiment={run.experiment}",
        *run.words,
        *quiet,
        word("hydra.run.dir", folder),
        *shared,
    ]
    if (folder / LAST).is_file():
        words = [word("resume", folder)]
    forget_error(folder)
    log.info("%s: %s", run.name, shlex.join(words))
    with (folder / "process.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vaescope", "train", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "120"},
        )
        started.append(process)
        code = process.wait()
    if code == 0 and is_done(folder):
        log.info("%s: done", run.name)
        return ""
    error = last_error(folder) or f"exit code {code}"
    log.error("%s: failed: %s (see %s)", run.name, error, folder / "process.log")
    return error
