"""Trials that a search stops early, in processes of their own."""

import importlib.util
import json

import pytest

WORDS = (
    *("train", "-m", "experiment=tiny", "network=linear", "latent_dim=2", "logger=[]"),
    *("threads=1", "trainer.accelerator=cpu", "trainer.max_steps=3", "callbacks=[evaluation]"),
    *("statistics=[disentanglement]", "callbacks.evaluation.every_n_steps=1", "hydra.sweep.dir=s"),
    *("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.pruner=threshold"),
    *("hydra.sweeper.pruner_options={lower: 2}", "objective=val/mig", "model.beta=interval(1,4)"),
)
RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs ray")


def check_that_both_are_pruned(run, sweep, launcher):
    """A search whose trials cannot be good enough, by ``run``, and by the same command again."""
    words = (*WORDS, f"hydra/launcher={launcher}")
    told = run(*words).stdout
    assert "0 of 2 jobs finished, 2 pruned" in told
    assert "0 of 2 trials finished, 2 pruned" in told
    files = [sweep / str(number) / "pruned.json" for number in (0, 1)]
    for file in files:
        assert json.loads(file.read_text())["step"] == 1
        assert not (file.parent / "error.txt").exists()
        assert not (file.parent / "scores.json").exists()
    assert "killed" not in (sweep / "jobs.jsonl").read_text()
    times = [file.stat().st_mtime_ns for file in files]
    assert "0 of 2 jobs finished, 2 pruned" in run(*words).stdout
    assert times == [file.stat().st_mtime_ns for file in files]  # none is made again
    assert not list((sweep / ".searchers").iterdir())


@pytest.mark.parametrize("launcher", ["basic", "fork"])
def test_trials_that_promise_nothing_are_stopped_and_are_no_failures(shell, tmp_path, launcher):
    check_that_both_are_pruned(shell, tmp_path / "s", launcher)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", pytest.param("ray", marks=RAY)])
def test_they_are_stopped_on_engines_of_other_projects(process, tmp_path, launcher):
    check_that_both_are_pruned(process, tmp_path / "s", launcher)
