"""Small runs, made as a user makes them."""

import os
import types
from functools import partial

import pytest
from filelock import FileLock

from builders.figures import undrawn
from builders.killed_sweeps import WORDS, run
from builders.warm_processes import run_vaescope
from vaescope.config.loading import register_schemas

TINY = (
    "experiment=tiny",
    "network=mlp_60_40_20",
    "latent_dim=3",
    "schedule_steps=20",  # so that a run that is made longer is the longer run
    "logger=[csv]",
    "callbacks.progress.bar=false",
    "callbacks.progress.every_n_steps=1",
    "callbacks.finite.every_n_steps=4",
    "callbacks.evaluation.every_n_steps=5",
    "callbacks.checkpoint.every_n_steps=5",
    "trainer.accelerator=cpu",
    "threads=1",
)


@pytest.fixture
def tiny(config):
    """Factory of configurations of small runs: ``tiny(folder, *overrides)``."""
    register_schemas()

    def compose(folder, *overrides):
        folder.mkdir(parents=True, exist_ok=True)
        return config(*TINY, *overrides, f"output_dir='{folder}'")

    return compose


@pytest.fixture
def no_figures():
    """Figures of the runs of a test are empty."""
    with undrawn():
        yield


@pytest.fixture
def process(tmp_path):
    """Run ``vaescope`` in a process of its own, in an empty folder."""
    return partial(run_vaescope, tmp_path)


@pytest.fixture
def shell(command, monkeypatch):
    """``command`` as a user's shell: on a wide terminal, with variables of the environment."""

    def run(*words, code=0, **environment):
        for name, value in {"COLUMNS": "200", **environment}.items():
            monkeypatch.setenv(name, value)
        told = command(*words, code=code)
        return types.SimpleNamespace(stdout=told.out, stderr=told.err)

    return run


@pytest.fixture(scope="session")
def straight(tmp_path_factory):
    """The folder of ``WORDS``, run through one job after the other, once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with FileLock(folder / "straight.lock"):
        if not (folder / "straight" / "scores.json").exists():
            run(folder, *WORDS, "hydra.sweep.dir=straight")
    return folder / "straight"
