"""Trials that a search stops early, in processes of their own."""

import json

import pytest


@pytest.mark.parametrize("launcher", ["basic", "fork"])
def test_trials_that_promise_nothing_are_stopped_and_are_no_failures(command, tmp_path, launcher):
    words = (
        *("experiment=tiny", "network=linear", "latent_dim=2", "logger=[]", "threads=1"),
        *("trainer.accelerator=cpu", "trainer.max_steps=3", "statistics=[disentanglement]"),
        *("callbacks=[evaluation]", "callbacks.evaluation.every_n_steps=1", "hydra.sweep.dir=s"),
        *("hydra/sweeper=optuna", f"hydra/launcher={launcher}", "hydra.sweeper.n_trials=2"),
        *("hydra.sweeper.pruner=threshold", "hydra.sweeper.pruner_options={lower: 2}"),
        *("objective=val/mig", "model.beta=interval(1,4)"),
    )
    told = command("train", "-m", *words)
    assert "0 of 2 jobs finished, 2 pruned" in told.out
    assert "0 of 2 trials finished, 2 pruned" in told.out
    for number in (0, 1):
        folder = tmp_path / "s" / str(number)
        assert json.loads((folder / "pruned.json").read_text())["step"] == 1
        assert not (folder / "error.txt").exists()
        assert not (folder / "scores.json").exists()
    again = command("train", "-m", *words)
    assert "0 of 2 jobs finished, 2 pruned" in again.out
    assert "jobs locally" not in again.out  # none is made again
    assert not list((tmp_path / "s" / ".searchers").iterdir())
