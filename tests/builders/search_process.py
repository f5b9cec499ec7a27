"""A search whose jobs are a formula: in this process, or in one that a test may kill."""

import copy
import functools
import json
import math
import os
import signal
from collections import Counter
from pathlib import Path

import optuna
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hydra_plugins.vaescope_sweepers import OptunaSweeper
from vaescope.config.loading import config_dir, register_schemas
from vaescope.sweeps.composing import ComposedOnce
from vaescope.sweeps.journal import JobRecord
from vaescope.sweeps.launching import RecordedLauncher
from vaescope.sweeps.search import steer
from vaescope.sweeps.states import Job, State

SPACE = ("optimizer.lr=tag(log,interval(1e-5,1e-1))", "latent_dim=range(1,33)")


@event.listens_for(Engine, "connect")
def _leave_the_disk_alone(connection, record):
    """A kill loses nothing without it, and a test does not wait for a busy disk."""
    if "sqlite" in type(connection).__module__:
        connection.execute("PRAGMA synchronous=OFF")


def surface(words):
    """Scores by the words of a job: best at a latent_dim of 20 and a rate of 1e-3."""
    parsed = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(words)}
    rate = math.log10(parsed.get("optimizer.lr", 1e-3)) + 3
    size = parsed.get("latent_dim", 20)
    mig = 1 - rate**2 / 8 - (size - 20) ** 2 / 1000
    return {"val/mig": mig, "val/dto": size / 32, "align/active_latents": float(size)}


class FormulaLauncher(RecordedLauncher):
    """Leaves the scores of a job where a run does, and nothing else.

    ``befalls`` gets the number and the words of a job before it is made.
    """

    def __init__(self, folder, befalls):
        self.root, self.befalls, self.made, self.batches = folder, befalls, [], []

    def launch_trials(self, trials):
        self.batches.append(len(trials))
        return [self._job(number, words) for number, words in trials.items()]

    def _job(self, number, words):
        folder = self.root / str(number)
        record = JobRecord(number, str(number), tuple(words), str(number))
        state = self.befalls(number, words) or State.FINISHED
        self.made.append(number)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [surface(words)]
        (folder / "objective.json").write_text(json.dumps({"rows": rows}))
        with (folder / "made.txt").open("a") as made:
            made.write(f"{os.getpid()}\n")
        killed = state == "killed"
        state = State.FAILED if killed else state
        error = "it went wrong" if state is State.FAILED else ""
        return Job(record, folder, state, [], error, killed)


@functools.cache
def _composed(*words):
    """Hydra's loader and the configuration of a search, put together once for all tests."""
    register_schemas()
    setup_globals()
    GlobalHydra.instance().clear()
    start = ["experiment=tiny", "hydra/sweeper=optuna", "hydra.sweep.dir=s", "objective=val/mig"]
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="train"):
        loader = ComposedOnce(GlobalHydra.instance().config_loader())
        config = loader.load_configuration("train", [*start, *words], RunMode.MULTIRUN)
    steer(config)
    return loader, config


def run_search(folder, *words, befalls=lambda number, words: None, **options):
    """Search on the surface; the launcher, which knows what it made."""
    settings = tuple(w for w in words if w.startswith(("hydra", "objective", "sweep.")))
    given = [word for word in words if word not in settings]
    loader, config = _composed(*settings)
    config = copy.deepcopy(config)
    OmegaConf.set_readonly(config, False)
    config.hydra.sweep.dir = str(folder)
    chosen = {"n_trials": 8, "direction": config.hydra.sweeper.direction} | options
    sweeper = OptunaSweeper(**chosen)
    launcher = FormulaLauncher(Path(folder), befalls)
    sweeper.attach(HydraContext(loader, None), config, launcher)
    sweeper.sweep(["experiment=tiny", *(given or SPACE)])
    return launcher


def trials(folder, storage=None):
    storage = storage or f"sqlite:///{folder / 'study.db'}"
    return optuna.load_study(study_name="vaescope", storage=storage).trials


def states(folder):
    return Counter(trial.state.name for trial in trials(folder))


def search_until(folder, number, after):
    """Make ``number`` trials in all; after so many this process is killed, while it makes one."""
    left = after

    def befalls(number, words):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    run_search(folder, befalls=befalls, n_trials=number, n_jobs=2)
