"""Sweeps whose jobs take no time: a stub in place of training."""

import json
import types
from pathlib import Path

import pytest

from vaescope.errors import DataError
from vaescope.run_folder.contents import forget_error
from vaescope.run_folder.scores import write_scores


@pytest.fixture
def sweep(command, monkeypatch):
    """Run ``vaescope train -m`` in ``tmp_path`` with a stub; ``made`` lists its jobs' settings."""
    made = []

    def train(config, *, again=False, chosen=None, watchers=(), open_network=False):
        made.append((config.seed, config.latent_dim))
        if run.fails(config):
            raise DataError(f"seed {config.seed} went wrong")
        folder = Path(config.output_dir)
        rows = [{"seed": config.seed, "test/mig": config.seed / 10, "test/loss": 1.0}]
        (folder / "config.yaml").write_text("{}")
        validated = run.validated(config)
        for watcher in watchers:
            run.watched(watcher, config)
        (folder / "objective.json").write_text(json.dumps({"rows": [validated]}))
        write_scores(folder, rows, {})
        (folder / "report.html").touch()
        forget_error(folder)
        return rows

    monkeypatch.setattr("vaescope.experiment.training.train", train)

    def run(*words, code=0):
        made.clear()
        told = command(*words, code=code)
        return types.SimpleNamespace(out=told.out, err=told.err, made=list(made))

    run.fails = lambda config: False
    run.validated = lambda config: {"val/mig": config.seed / 10}
    run.watched = lambda watcher, config: None
    return run
