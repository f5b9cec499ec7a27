"""Runs with a schedule of the learning rate, clipped gradients and averaged weights."""

import csv
import logging

import pytest
import torch

from vaescope.api.runs import load
from vaescope.errors import ConfigError
from vaescope.experiment.training import train
from vaescope.learning_rates import Linear
from vaescope.models.updating import UNAVERAGED

QUIET = ("statistics=[latents]", "~callbacks.pictures")
PACED = ("scheduler=linear", "scheduler.warmup_steps=4", "ema.decay=0.8")


def saved(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_a_run_of_two_players_and_accumulated_gradients(tiny, tmp_path):
    """Updates are counted, not batches; what is loaded and told are the averaged weights."""
    players = ("model=factor_vae", "model.width=20", "model.discriminator_lr=0.02")
    more = ("trainer.accumulate_grad_batches=2", "trainer.max_steps=9", "optimizer.lr=0.01")
    (row,) = train(tiny(tmp_path, *players, *more, *PACED, *QUIET))
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rates = {
            int(r["step"]): float(r["train/lr"]) for r in csv.DictReader(file) if r["train/lr"]
        }
    schedule = Linear(warmup_steps=4)
    wanted = {step: 0.01 * schedule(step - 1, 20) for step in range(1, 10)}
    assert rates == pytest.approx(wanted)
    state = saved(tmp_path)
    groups = state["optimizer_states"][0]["param_groups"]
    assert [group["lr"] for group in groups] == pytest.approx([0.0075, 0.015])
    run = load(tmp_path)
    averaged = dict(run.model.named_parameters())
    assert averaged.keys() == state[UNAVERAGED].keys()
    assert any(not torch.equal(averaged[n], w) for n, w in state[UNAVERAGED].items())
    assert all(torch.equal(averaged[n], w) for n, w in state["state_dict"].items())
    page = (tmp_path / "report.html").read_text()
    assert "Its weights are averages over the updates, with decay 0.8." in page
    assert "<h2>Learning rate</h2>" in page
    assert row["step"] == 9


@pytest.mark.usefixtures("no_figures")
def test_a_longer_run_ends_the_schedule_that_was_begun(tiny, tmp_path, caplog):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny(whole, *PACED, *QUIET, "trainer.max_steps=24"))
    train(tiny(broken, *PACED, *QUIET, "trainer.max_steps=7"))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        train(tiny(broken, *PACED, *QUIET, "trainer.max_steps=24", f"resume='{broken}'"))
    told = "schedule ends at update 20, from where the run goes on to 24 at 0 times optimizer.lr"
    assert told in caplog.text
    states = saved(whole), saved(broken)
    for key in ("state_dict", UNAVERAGED):
        assert all(torch.equal(states[0][key][n], states[1][key][n]) for n in states[0][key])
    assert states[0]["optimizer_states"][0]["param_groups"][0]["lr"] == 0


@pytest.mark.usefixtures("no_figures")
def test_averaging_ends_where_a_resumed_run_leaves_it_out(tiny, tmp_path):
    train(tiny(tmp_path, *PACED, *QUIET, "trainer.max_steps=4"))
    before = saved(tmp_path)[UNAVERAGED]
    frozen = ("ema.decay=null", "optimizer.lr=0", "trainer.max_steps=5", "trainer.max_epochs=9")
    train(tiny(tmp_path, *PACED, *QUIET, *frozen, f"resume='{tmp_path}'"))
    after = saved(tmp_path)
    assert UNAVERAGED not in after
    assert all(torch.equal(after["state_dict"][name], w) for name, w in before.items())


def test_a_schedule_over_a_run_of_unknown_length_is_refused(tiny, tmp_path):
    words = ("scheduler=cosine", "schedule_steps=null", "model=vae")
    ends = ("trainer.max_steps=-1", "trainer.max_time=00:00:00:10")
    with pytest.raises(ConfigError, match=r"Cosine goes over a whole run.*give schedule_steps=N"):
        train(tiny(tmp_path, *words, *ends))
