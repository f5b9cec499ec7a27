"""Losses are sums of weight times term, in both splits, and schedules fit the run."""

import csv
import html
import json
import re

import pytest
import torch
from omegaconf import OmegaConf

from vaescope.errors import ConfigError
from vaescope.experiment.assembly import load_model
from vaescope.experiment.training import train
from vaescope.report.run.series import Series
from vaescope.report.run.training_curves import curves

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

FEW = (
    "schedule_steps=null",
    "statistics=[]",
    "callbacks=[progress,finite,evaluation,checkpoint]",
)
SCHEDULED = {
    "beta_vae": ("model.initial_beta=20", "model.beta=4"),
    "annealed_vae": (),
    "jl1_vae": (),
    "s2_beta_vae": ("model.anneal=linear", "model.unsupervised.initial_beta=20"),
}


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def split_of(row, split):
    """Loss, terms and weights of one split in a row of metrics.csv."""
    own = {k.removeprefix(f"{split}/"): v for k, v in row.items() if k.startswith(f"{split}/")}
    weights = {k.removeprefix("weight_"): own.pop(k) for k in list(own) if k.startswith("weight_")}
    targets = {k.removeprefix("target_"): own.pop(k) for k in list(own) if k.startswith("target_")}
    others = ("steps_per_second", "loss_final_weights", "over_pruned")
    loss = own.pop("loss")
    return loss, {k: v for k, v in own.items() if k not in others}, weights, targets


@pytest.mark.parametrize("model", SCHEDULED)
def test_loss_is_the_sum_of_weight_times_term_at_every_step(tiny, tmp_path, model):
    words = (*FEW, f"model={model}", *SCHEDULED[model], "trainer.max_steps=10")
    (scores,) = train(tiny(tmp_path, *words))
    moved = set()
    for row in [*rows(tmp_path), scores]:
        for split in ("train", "val", "test"):
            if f"{split}/loss" in row:
                loss, terms, weights, targets = split_of(row, split)
                assert weights.keys() <= terms.keys()
                total = sum(weights.get(name, 1) * value for name, value in terms.items())
                assert loss == pytest.approx(total, rel=1e-12), (split, row["step"])
                moved.add((*weights.values(), *targets.values()))
    assert len(moved) > 4
    assert scores["test/loss_final_weights"] == pytest.approx(scores["test/loss"], rel=1e-12)


def test_train_and_val_kl_are_nats_whatever_the_weight(tiny, tmp_path):
    """No learning: the KL does not move while its weight goes from 100 to 0."""
    words = (*FEW, "model=beta_vae", "model.initial_beta=100", "model.beta=0")
    words = (*words, "optimizer.lr=0", "trainer.max_steps=10", "data.split=null")
    train(tiny(tmp_path, *words, "data.batch_size=192"))
    found = rows(tmp_path)
    evaluations = [row for row in found if "val/kl" in row]
    assert [row["step"] for row in evaluations] == [0, 5, 10]
    assert [row["val/weight_kl"] for row in evaluations] == pytest.approx([100, 37.5, 0])
    updates = [row for row in found if "train/kl" in row]
    expected = [100 - 12.5 * min(step, 8) for step in range(10)]  # an update has the weight before
    assert [row["train/weight_kl"] for row in updates] == pytest.approx(expected)
    assert all(
        row["val/kl"] == pytest.approx(evaluations[0]["val/kl"], rel=1e-9) for row in evaluations
    )
    assert all(
        row["train/kl"] == pytest.approx(evaluations[0]["val/kl"], rel=0.1) for row in updates
    )
    final = [row["val/loss_final_weights"] for row in evaluations]
    assert final == pytest.approx([row["val/reconstruction"] for row in evaluations])


@pytest.mark.parametrize(("start", "end"), [(0.0, 50.0), (50.0, 0.0)])
def test_best_checkpoint_is_judged_by_the_weights_of_the_end(tiny, tmp_path, start, end):
    """With a rising beta val/loss is lowest at first, whatever was learnt."""
    words = (*FEW, "model=beta_vae", f"model.initial_beta={start}", f"model.beta={end}")
    train(tiny(tmp_path, *words, "trainer.max_steps=20"))
    evaluations = {row["step"]: row for row in rows(tmp_path) if row["step"] and "val/loss" in row}
    final = {step: row["val/loss_final_weights"] for step, row in evaluations.items()}
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["global_step"]
    assert final[best] == min(final.values())
    for row in evaluations.values():
        expected = row["val/reconstruction"] + end * row["val/kl"]
        assert row["val/loss_final_weights"] == pytest.approx(expected, rel=1e-12)


def test_a_target_that_moves_is_at_its_end_in_the_final_loss(tiny, tmp_path):
    words = ("model=annealed_vae", "model.gamma=2", "model.max_capacity=9", "trainer.max_steps=30")
    train(tiny(tmp_path, *FEW, *words, "callbacks.evaluation.every_n_steps=5"))
    evaluations = [row for row in rows(tmp_path) if "val/loss" in row]
    assert [row["val/target_kl"] for row in evaluations] == pytest.approx([0, 4.5, 9, 9, 9, 9, 9])
    for (
        row
    ) in evaluations:  # one chunk of held-out images: the mean of |KL - C| is that of the mean
        gap = abs(row["val/kl"] - row["val/target_kl"])
        assert row["val/capacity_gap"] == pytest.approx(gap, rel=1e-5)
        expected = row["val/reconstruction"] + 2 * abs(row["val/kl"] - 9)
        assert row["val/loss_final_weights"] == pytest.approx(expected, rel=1e-5)


LENGTHS = {
    "beta_vae_annealed": (0.8, {"weight_kl": 10}),
    "annealed_vae": (1 / 3, {"target_kl": 25}),
    "jl1_vae": (1 / 3, {"weight_kl": 4, "weight_jacobian_l1": 0.1}),
}


@pytest.mark.parametrize("model", LENGTHS)
def test_default_schedules_are_a_share_of_the_run_and_end_before_it(tiny, tmp_path, model, caplog):
    share, ends = LENGTHS[model]
    train(tiny(tmp_path, *FEW, f"model={model}", "trainer.max_steps=15"))
    assert "the schedule takes" not in caplog.text
    trained, saved = load_model(tmp_path / "checkpoints" / "last.ckpt")
    assert trained.schedule_end == round(share * 15)
    assert saved["vaescope"]["config"]["schedule_steps"] == 15
    assert OmegaConf.load(tmp_path / "config.yaml").schedule_steps == 15
    at_end, before = (trained.settings(trained.schedule_end - ago) for ago in (0, 1))
    for name, value in ends.items():
        assert at_end[name] == pytest.approx(value)
        assert before[name] != pytest.approx(value)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("model=annealed_vae",), "target_kl ends at 1.25 of 25"),
        (("model=jl1_vae",), "weight_kl ends at 0.2 of 4, weight_jacobian_l1 ends at 0.005 of 0.1"),
        (("model=beta_vae", "model.initial_beta=24"), "weight_kl ends at 23 of 4"),
    ],
)
def test_a_schedule_longer_than_the_run_is_told_before_the_first_update(
    tiny, tmp_path, words, told, size, caplog
):
    config = tiny(tmp_path, *FEW, *words, "model.anneal_steps=100", f"ensemble.size={size}")
    config.trainer.max_steps = 5
    train(config)
    (warning,) = [r for r in caplog.records if "the schedule takes" in r.getMessage()]
    assert f"takes 100 updates and the run 5: {told};" in warning.getMessage()


def test_no_warning_for_a_length_without_a_schedule(tiny, tmp_path, caplog):
    train(tiny(tmp_path, *FEW, "model=beta_vae", "model.anneal_steps=999", "trainer.max_steps=2"))
    assert "the schedule takes" not in caplog.text


@pytest.mark.parametrize("size", [1, 2])
def test_a_longer_resumed_run_keeps_the_schedule_it_began_with(tiny, tmp_path, size):
    every = (*FEW, "model=annealed_vae", f"ensemble.size={size}", "trainer.precision=64-true")
    folder, whole = tmp_path / "resumed", tmp_path / "whole"
    train(tiny(folder, *every, "trainer.max_steps=9"))
    train(tiny(folder, *every, "trainer.max_steps=18", f"resume='{folder}'"))
    train(tiny(whole, *every, "trainer.max_steps=18", "schedule_steps=9"))
    a, b = (
        torch.load(f / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for f in (folder, whole)
    )
    assert all(torch.equal(a[name], b[name]) for name in a)
    targets = {row["step"]: row["train/target_kl"] for row in rows(folder) if "train/kl" in row}
    expected = {1: 0, 2: 25 / 3, 3: 50 / 3, 4: 25, 18: 25}
    assert {step: targets[step] for step in expected} == pytest.approx(expected)


@pytest.mark.parametrize("part", ["1.0", "0.7", "3"])
def test_shares_of_a_run_of_epochs(tiny, tmp_path, part):
    words = (*FEW, "model=annealed_vae", "trainer.max_steps=-1", "trainer.max_epochs=2")
    words = (*words, "data.batch_size=25", "trainer.accumulate_grad_batches=2")
    words = (*words, f"+trainer.limit_train_batches={part}")
    (row,) = train(tiny(tmp_path, *words))
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["vaescope"]["config"]["schedule_steps"] == saved["global_step"] == row["step"] > 3
    both = tmp_path / "both"
    train(tiny(both, *FEW, "model=annealed_vae", "trainer.max_steps=3", "trainer.max_epochs=90"))
    assert OmegaConf.load(both / "config.yaml").schedule_steps == 3


def test_a_share_of_an_unlimited_run_is_refused(tiny, tmp_path):
    words = (*FEW, "trainer.max_steps=-1", "trainer.max_time=00:00:00:03")
    with pytest.raises(ConfigError, match="share of the run's updates, whose number is not known"):
        train(tiny(tmp_path, *words, "model=annealed_vae"))
    assert not (tmp_path / "config.yaml").exists()


def test_report_draws_the_weights_only_if_they_move(tiny, tmp_path):
    train(tiny(tmp_path / "a", *FEW, "model=annealed_vae", "trainer.max_steps=10"))
    train(tiny(tmp_path / "b", *FEW, "model=beta_vae", "trainer.max_steps=10"))
    pages = {name: (tmp_path / name / "report.html").read_text() for name in "ab"}
    assert "<h2>Weights of the loss terms</h2>" in pages["a"]
    assert "<h2>Weights of the loss terms</h2>" not in pages["b"]
    assert all("<h2>Losses</h2>" in page for page in pages.values())


def test_loss_curves_leave_out_weights_and_show_negative_terms():
    line = Series.over_members({1: [-3.0], 2: [5.0]})
    names = ("train/loss", "val/loss", "train/kl", "train/weight_kl", "val/loss_final_weights")
    drawn = {title: charts for title, _, charts in curves(dict.fromkeys(names, line))}
    terms, totals = drawn["Losses"]
    assert lines_of(terms) == {"kl"}
    assert lines_of(totals) == {"loss, training", "loss", "loss final weights"}
    assert "-3" in terms
    assert [lines_of(chart) for chart in drawn["Weights of the loss terms"]] == [{"weight kl"}]


def lines_of(chart):
    """Names of the lines of a chart."""
    (data,) = re.findall('data-chart="(.*?)"', chart)
    return {line["name"] for line in json.loads(html.unescape(data))["lines"]}
