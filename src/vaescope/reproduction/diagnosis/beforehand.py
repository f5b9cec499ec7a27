"""Diagnoses of the sets that runs train on, made before them: what each run's beta follows from."""

import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaescope.config.loading import read_overrides
from vaescope.config.overrides import word
from vaescope.errors import RunsFailedError
from vaescope.files import read_json
from vaescope.reproduction.paper import Workplace
from vaescope.reproduction.plan import PATH, Run
from vaescope.reproduction.runner import shared_words
from vaescope.run_folder.contents import HYDRAS, last_error
from vaescope.run_folder.modification import SET

log = logging.getLogger(__name__)

# squared errors, as the networks are trained with; the width from which training begins
SETTINGS = ("likelihood=gaussian", "predicted_at=1.0")

OF_TRAINING = ("data.split", PATH)  # options of the data that change nothing in a diagnosis


def diagnosis_path(folder: Path, name: str) -> Path:
    """Where the diagnosis of the set of a run lies in the reproduction's folder."""
    return folder / "diagnoses" / name / "diagnosis.json"


def read_diagnosis(folder: Path, name: str) -> dict[str, Any]:
    """The numbers of a diagnosis."""
    numbers: dict[str, Any] = read_json(diagnosis_path(folder, name))["diagnosis"]
    return numbers


def with_diagnosed_beta(runs: Sequence[Run], workplace: Workplace) -> list[Run]:
    """Runs with the beta and the number of latents that the diagnosis of their set gives.

    One rule for all: a latent for every factor, and a tenth of the beta that would prune the first
    predicted latent. Diagnoses that are there are kept.

    Args:
        runs: trainings; the modified sets that they need are there.
        workplace: where diagnoses are made, and how.

    Raises:
        RunsFailedError: a set could not be diagnosed; what could is kept.
    """
    folder, shared = workplace.folder, shared_words(workplace.threads, workplace.data_dir)
    with ThreadPoolExecutor(workplace.jobs) as pool:
        errors = list(pool.map(lambda run: _diagnose(run, folder, shared), runs))
    if failed := {run.name: error for run, error in zip(runs, errors, strict=True) if error}:
        lines = [f"{len(failed)} of {len(runs)} sets could not be diagnosed:"]
        raise RunsFailedError("\n".join([*lines, *(f"  - {n}: {e}" for n, e in failed.items())]))
    return [replace(run, words=(*run.words, *_chosen(run, folder))) for run in runs]


def _chosen(run: Run, folder: Path) -> tuple[str, str]:
    found: Mapping[str, Any] = read_diagnosis(folder, run.name)
    return f"model.beta={found['beta']:.4g}", f"latent_dim={len(found['factors'])}"


def _diagnose(run: Run, folder: Path, shared: Sequence[str]) -> str:
    """Diagnose the set of a run in a process of its own; the last line of its error, or nothing."""
    path = diagnosis_path(folder, run.name)
    own = [w for w in run.words if w.startswith("data") and not w.startswith(OF_TRAINING)]
    own += SETTINGS
    recorded = read_overrides(path.parent / HYDRAS / "overrides.yaml")
    if path.is_file() and set(own) <= set(recorded):
        return ""
    place = word("hydra.run.dir", path.parent.resolve())
    stored = [word(PATH, folder.resolve() / run.modification / SET)] if run.modification else []
    words = [*own, *stored, place, *shared]
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    log.info("%s: %s", run.name, shlex.join(["diagnose", *words]))
    with (path.parent / "process.log").open("ab") as output:
        code = subprocess.run(
            [sys.executable, "-m", "vaescope", "diagnose", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"COLUMNS": "120"},
            check=False,
        ).returncode
    if code == 0 and path.is_file():
        return ""
    return f"{last_error(path.parent) or f'exit code {code}'} (see {path.parent}/process.log)"
