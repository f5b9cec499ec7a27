"""Sweeps whose jobs take no time: a stub in place of training."""

import json
import sys
import types
from pathlib import Path

import pytest

from vaescope.cli import main
from vaescope.errors import DataError
from vaescope.run_folder.contents import forget_error
from vaescope.run_folder.scores import write_scores


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Run ``vaescope train -m`` in ``tmp_path`` with a stub; ``made`` lists its jobs' settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    made = []

    def train(config, *, again=False, chosen=None):
        made.append((config.seed, config.latent_dim))
        if run.fails(config):
            raise DataError(f"seed {config.seed} went wrong")
        folder = Path(config.output_dir)
        rows = [{"seed": config.seed, "test/mig": config.seed / 10, "test/loss": 1.0}]
        (folder / "config.yaml").write_text("{}")
        (folder / "objective.json").write_text(
            json.dumps({"rows": [{"val/mig": config.seed / 10}]})
        )
        write_scores(folder, rows, {})
        (folder / "report.html").touch()
        forget_error(folder)
        return rows

    monkeypatch.setattr("vaescope.experiment.training.train", train)

    def run(*words, code=0):
        made.clear()
        try:
            main([*words])
            ended = 0
        except SystemExit as end:
            ended = end.code or 0
        told = capsys.readouterr()
        assert ended == code, told.out + told.err
        assert "Traceback" not in told.err
        return types.SimpleNamespace(out=told.out, err=told.err, made=list(made))

    run.fails = lambda config: False
    return run
