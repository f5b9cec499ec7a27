"""Small runs, made as a user makes them."""

import subprocess
import sys
import types

import pytest

from builders.figures import undrawn
from builders.killed_sweeps import WORDS, run
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

    def run(*words, code=0, **environment):
        import os

        done = subprocess.run(
            [sys.executable, "-m", "vaescope", *words],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"} | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


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
    """The folder of ``WORDS``, run through one job after the other."""
    folder = tmp_path_factory.mktemp("straight")
    run(folder, *WORDS, "hydra.sweep.dir=s")
    return folder / "s"
