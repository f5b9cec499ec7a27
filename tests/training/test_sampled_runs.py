"""Pairs, correlated factors and held-out combinations in runs as a user makes them."""

import json
import math

import pytest
import torch

from builders.minibatches import columns
from vaescope.config.loading import resolved
from vaescope.ensemble import Ensemble
from vaescope.errors import ConfigError
from vaescope.experiment.assembly import build_data
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train
from vaescope.minibatch import on_tensors
from vaescope.models import LatentModel

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

RUNS = {
    "pairs": ("view=pairs_strict", "data.view.k=1"),
    "temporal points": ("data=synthetic_linear", "data.num_points=800", "view=transitions_laplace"),
    "triplets": ("view=triplets",),
    "groups": ("view=groups", "data.view.by=size", "data.view.size=4"),
    "correlated": ("sampling=correlated", "data.sampling.pairs=[[position_x,size]]"),
    "held out": ("hold_out=recombination", "view=pairs_uniform"),
}

QUICK = ("statistics=[latents]", "~callbacks.pictures", "network=linear")


@pytest.fixture(autouse=True)
def _no_page(monkeypatch):
    monkeypatch.setattr("vaescope.experiment.training.write_report", lambda folder: None)


def saved(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture
def batches(monkeypatch):
    """Every batch that training has had, with its step."""
    seen = []
    for kind in (LatentModel, Ensemble):
        step_of = kind.training_step

        def training_step(self, batch, batch_idx, step_of=step_of):
            seen.append((self.global_step, on_tensors(torch.clone, batch)))
            return step_of(self, batch, batch_idx)

        monkeypatch.setattr(kind, "training_step", training_step)
    return seen


@pytest.mark.parametrize("name", RUNS)
def test_resumed_run_sees_the_batches_of_an_unbroken_run(tiny, tmp_path, batches, name):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = (*RUNS[name], *QUICK)
    train(tiny(whole, *words, "trainer.max_steps=20"))
    unbroken = batches[:]
    batches.clear()
    train(tiny(broken, *words, "trainer.max_steps=7"))
    train(tiny(broken, *words, "trainer.max_steps=20", f"resume='{broken}'"))
    assert [step for step, _ in unbroken] == [step for step, _ in batches] == list(range(20))
    for (_, a), (_, b) in zip(unbroken, batches, strict=True):
        assert columns(a).keys() == columns(b).keys()
        assert all(torch.equal(column, columns(b)[key]) for key, column in columns(a).items())
    a, b = saved(whole)["state_dict"], saved(broken)["state_dict"]
    assert all(torch.equal(weights, b[key]) for key, weights in a.items())
    about = [(folder / "factors.json").read_text() for folder in (whole, broken)]
    assert about[0] == about[1]


def test_an_ensemble_trains_each_member_on_the_pairs_of_its_seed(tiny, tmp_path, batches):
    words = (*RUNS["pairs"], *QUICK, "trainer.max_steps=12")
    train(tiny(tmp_path / "both", *words, "seed=3", "ensemble.size=2", "ensemble.batched=true"))
    together = batches[:]
    for member, seed in enumerate((3, 4)):
        batches.clear()
        train(tiny(tmp_path / str(seed), *words, f"seed={seed}"))
        for (_, both), (_, own) in zip(together, batches, strict=True):
            both, own = columns(both), columns(own)
            paired = {f"partners.0.{name}" for name in ("image", "factors", "rows")}
            assert paired | {"known.changed"} < both.keys() == own.keys()
            for key, column in own.items():
                assert torch.equal(both[key].unflatten(0, (2, -1))[member], column)


def test_held_out_combinations_are_not_trained_on_and_can_be_measured(
    tiny, config, tmp_path, batches
):
    run = tiny(tmp_path / "run", *RUNS["held out"], *QUICK, "trainer.max_steps=20")
    train(run)
    data = build_data(resolved(run))
    held_out = data.rows["held_out"]
    assert len(held_out) == 4 * 2 * 8  # position_y and size in their upper halves
    for _, batch in batches:
        for images in (batch, batch.partners[0]):
            assert not torch.isin(images.rows, held_out).any()
    about = json.loads((tmp_path / "run" / "factors.json").read_text())
    assert about["rows"] == {"train": 102, "val": 13, "test": 13, "held_out": 64}
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    words = (f"checkpoint='{checkpoint}'", "split=held_out")
    row = evaluate(config(*words, name="evaluate"))[0]
    assert row["split"] == "held_out"
    assert row["num_samples"] == 64
    assert math.isfinite(row["held_out/loss"])
    assert "held_out/mig" in row


def test_nothing_held_out_cannot_be_measured(tiny, config, tmp_path):
    train(tiny(tmp_path / "run", *QUICK, "trainer.max_steps=2"))
    checkpoint = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for split, told in (("held_out", "no combinations were held out"), ("train", "choose val")):
        with pytest.raises(ConfigError, match=told):
            evaluate(config(f"checkpoint='{checkpoint}'", f"split={split}", name="evaluate"))


def test_factors_json_says_what_training_shows(tiny, tmp_path, caplog):
    words = (*RUNS["correlated"], "data.sampling.sigma=0.1", *QUICK, "trainer.max_steps=3")
    run = tiny(tmp_path, *words)
    with caplog.at_level("INFO", "vaescope"):
        train(run)
    about = json.loads((tmp_path / "factors.json").read_text())
    assert about["names"] == ["position_x", "position_y", "size"]
    assert (about["sizes"], about["kinds"]) == ([8, 8, 3], ["ordinal"] * 3)
    assert about["data_source"].startswith("rendered exactly")
    data = build_data(resolved(run))
    values, share = data.dataset.values(data.rows["train"]), data.training_weights()
    joint = torch.zeros(8, 3, dtype=torch.float64)
    joint.index_put_((values[:, 0], values[:, 2]), share, accumulate=True)
    ratio = joint / (joint.sum(1, keepdim=True) * joint.sum(0))
    expected = torch.where(joint > 0, joint * ratio.log(), 0.0).sum().item()
    assert about["largest_mutual_information"]["factors"] == ["position_x", "size"]
    assert about["largest_mutual_information"]["nats"] == pytest.approx(expected)
    assert about["mutual_information"][0][2] == pytest.approx(expected)
    assert expected > 0.5
    assert "largest mutual information is" in caplog.text


def test_a_run_without_factors_has_no_factors_file(tiny, tmp_path, monkeypatch):
    from vaescope.data.factors import Factors
    from vaescope.data.sets.tiny import TinySquares

    class Plain(TinySquares):
        factors = Factors((), (), ())

        def __len__(self):
            return 192

        def values(self, index):
            return torch.zeros(len(index), 0, dtype=torch.int64)

        def images_at(self, index, draw):
            return TinySquares().images(TinySquares.factors.values(index))

    monkeypatch.setattr("vaescope.data.sets.tiny.TinySquares", Plain)
    monkeypatch.setattr("vaescope.data.sets.tiny.TinySquaresDataModule.dataset_class", Plain)
    train(tiny(tmp_path, *QUICK, "trainer.max_steps=2"))
    assert (tmp_path / "scores.json").exists()
    assert not (tmp_path / "factors.json").exists()
