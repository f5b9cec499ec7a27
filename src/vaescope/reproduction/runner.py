"""Make the runs that are missing, each in a process of its own; begun ones are resumed."""

import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vaescope.config.groups import NAMES
from vaescope.config.loading import read_overrides, read_value, read_yaml
from vaescope.config.overrides import word
from vaescope.errors import first_line
from vaescope.reproduction.machine_time import in_all
from vaescope.reproduction.plan import PATH, Run
from vaescope.run_folder.contents import (
    CONFIG,
    HYDRAS,
    LAST,
    REPORT,
    forget_error,
    holds_state,
    last_error,
)
from vaescope.run_folder.modification import RECORD, SET
from vaescope.run_folder.scores import has_scores

log = logging.getLogger(__name__)

# overrides that change how a run is made and not what it gives
OF_THE_MACHINE = {
    "experiment",
    "threads",
    "data_dir",
    "compile",
    "cuda_graph",
    "updates_per_call",
    "logger",
    "callbacks.progress.bar",
    "bar",
    "output_dir",
    PATH,
}

# overrides that the command adds: the original that the folder of a modified set names
OF_THE_FOLDER = ("data@data.original", "data.original.")


def is_done(run: Run, folder: Path) -> bool:
    """Whether ``folder`` has what the run makes: final scores and report, or the modified set."""
    if run.command == "modify":
        return (folder / RECORD).is_file()
    reported = (folder / REPORT).is_file() or not holds_state(folder)
    return has_scores(folder) and reported


def shared_words(threads: int | None, data_dir: str | None) -> list[str]:
    """Overrides that all runs have."""
    return [
        *([f"threads={threads}"] if threads else []),
        *([word("data_dir", data_dir)] if data_dir else []),
    ]


def make_runs(
    runs: Sequence[Run], folder: Path, *, jobs: int, threads: int | None, data_dir: str | None
) -> dict[str, str]:
    """Make what is not made yet; a run that fails leaves the others alone.

    Args:
        runs: to be made, the modifications that they need among them.
        folder: each run's folder lies in it, under the run's name.
        jobs: runs at a time.
        threads: torch threads of each.
        data_dir: where data sets lie; None: the user's cache folder.

    Returns:
        The last line of the error of every run that failed, by name.
    """
    folder = folder.resolve()
    kept = [run for run in runs if not run.skipped]
    others = made_otherwise(kept, folder)
    wanted = [r for r in kept if r.name not in others and not is_done(r, folder / r.name)]
    if wanted:
        log.info(
            "%d of %d runs to make, %d at a time%s",
            len(wanted),
            len(kept),
            jobs,
            _estimate(wanted, jobs),
        )
    shared = shared_words(threads, data_dir)
    started: list[subprocess.Popen[bytes]] = []
    made: dict[str, Future[str]] = {}
    # a run that waits for its modification has that before it, so that it waits for no run behind
    wanted.sort(key=lambda run: (run.command != "modify", run.modification != ""))
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for run in wanted:
                needed = others.get(run.modification) or made.get(run.modification)
                made[run.name] = pool.submit(_tried, run, folder, shared, started, needed)
            failed = {name: error for name, each in made.items() if (error := each.result())}
        except BaseException:
            # a signal: the runs that go on keep their states, and no other begins
            pool.shutdown(wait=False, cancel_futures=True)
            for process in started:
                process.terminate()
            raise
    return others | failed


def made_otherwise(runs: Sequence[Run], folder: Path) -> dict[str, str]:
    """Why what lies in the folders of runs is not what was planned, by name."""
    return {run.name: other for run in runs if (other := other_settings(run, folder / run.name))}


def _estimate(runs: Sequence[Run], jobs: int) -> str:
    """How long they take, where speeds say it."""
    told = in_all(runs, jobs)
    return f": about {told}" if told else ""


def other_settings(run: Run, folder: Path) -> str:
    """Why the run in ``folder`` is not the planned one; nothing if it is, or if there is none."""
    record = folder / HYDRAS / "overrides.yaml"
    trained = run.command == "train"
    if not (folder / CONFIG if trained else record).is_file():
        return ""
    try:
        config = read_yaml(folder / CONFIG) if trained else {}
        words = read_overrides(record)
    except Exception as error:  # of YAML, of OmegaConf, of the disk
        return f"{folder} cannot be read: {first_line(error)}; remove it"
    planned = dict(map(_pair, run.words))
    planned.pop(PATH, None)  # a folder may be moved
    recorded = dict(map(_pair, words))
    as_words = {key for key in planned if not trained or key.partition("@")[0] in NAMES}
    made = {
        key: recorded.get(key) if key in as_words else _value_at(config, key) for key in planned
    }
    wanted = {k: text if k in as_words else read_value(text) for k, text in planned.items()}
    for key, text in recorded.items():
        added = run.modification and key.startswith(OF_THE_FOLDER)
        if key not in planned and key not in OF_THE_MACHINE and not added:
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


def _tried(
    run: Run,
    folder: Path,
    shared: Sequence[str],
    started: list[subprocess.Popen[bytes]],
    needed: Future[str] | str | None,
) -> str:
    """``_make`` once there is the set that the run needs, with the disk's refusals as errors."""
    error = needed.result() if isinstance(needed, Future) else needed
    if error:
        return f"there is no {run.modification}: {error}"
    try:
        return _make(run, folder, shared, started)
    except OSError as refusal:
        return str(refusal)


def _make(
    run: Run, whole: Path, shared: Sequence[str], started: list[subprocess.Popen[bytes]]
) -> str:
    """Make one run to its end; the last line of its error, or nothing."""
    folder = whole / run.name
    folder.mkdir(parents=True, exist_ok=True)
    own = [each for each in run.words if _pair(each)[0] != PATH]
    if run.modification:
        shared = [*shared, word(PATH, whole / run.modification / SET)]
    if run.command == "modify":
        words = [*own, "bar=false", word("output_dir", folder), *shared]
    else:
        quiet = ["logger=[csv]", "callbacks.progress.bar=false"]
        words = [f"experiment={run.experiment}", *own, *quiet, word("hydra.run.dir", folder)]
        words += shared
        if (folder / LAST).is_file():
            words = [word("resume", folder), *([shared[-1]] if run.modification else [])]
    forget_error(folder)
    log.info("%s: %s", run.name, shlex.join(words))
    with (folder / "process.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vaescope", run.command, *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "120"},
        )
        started.append(process)
        code = process.wait()
    if code == 0 and is_done(run, folder):
        log.info("%s: done", run.name)
        return ""
    error = last_error(folder) or f"exit code {code}"
    log.error("%s: failed: %s (see %s)", run.name, error, folder / "process.log")
    return error
