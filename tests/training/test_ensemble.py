"""Seeds trained as one program are the seeds trained one by one."""

import csv
import json
import math
from operator import itemgetter
from pathlib import Path

import pytest
import torch
from torch import nn

from builders.thinned import EXEMPLARS, thinned
from vaescope.config.loading import config_dir, resolved
from vaescope.ensemble import Ensemble
from vaescope.errors import ConfigError, DataError, RunFolderError, TrainingDivergedError
from vaescope.experiment import page_files
from vaescope.experiment.assembly import build_ensemble, load_model, load_models, seeded_model
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train
from vaescope.minibatch import Batch, on_tensors
from vaescope.networks import mlp
from vaescope.run_folder.decoder_file import read_decoders
from vaescope.statistics import EncodedSplit

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

METHODS = sorted(path.stem for path in (Path(config_dir()) / "model").glob("*.yaml"))
# networks of their own have millions of weights, or their batches many images; the logarithm of
# small cosines makes of rounding other weights within ten updates: one is tested with tests/models
SMALLER = {
    "cfasl": ("model.alpha=0",),
    "ds_vae": ("data.view.length=3",),
    "factor_vae": ("model.width=50",),
    "factor_qvae": ("model.width=50",),
    "weakly_supervised_gan": ("model.width=16",),
    "enc_diff": ("model.channels=8", "model.num_steps=1", "data.batch_size=8"),
    "principal_flow": ("model.num_components=8", "model.num_layers=2"),
}
# second differences lose ten digits, and Adam divides by the small slopes that are left, as it does
# by those of orthonormal columns along themselves
ROUGHER = {name: {"rtol": 1e-4, "atol": 1e-7} for name in ("tripod", "principal_flow")}
QUIET = ("callbacks.evaluation.every_n_steps=1000", "callbacks.checkpoint.every_n_steps=1000")
UNMEASURED = ("statistics=[latents]", "~callbacks.pictures")
FULL = "vae posterior=full"


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def scores(folder):
    return json.loads((folder / "scores.json").read_text())


def check_a_member(tiny, folder, case, words, of_ensemble, tolerance):
    """Train an ensemble, and its second member alone: their weights are the same."""
    method, *more = (*case.split(), *SMALLER.get(case, ()))
    tolerance = ROUGHER.get(case, tolerance)
    every = (f"model={method}", *more, *QUIET, *words, "network=mlp_60_40_20")
    train(tiny(folder / "all", *every, *of_ensemble, "seed=3", "ensemble.size=2"))
    members, _ = load_models(folder / "all" / "checkpoints" / "last.ckpt")
    assert [member.seed for member in members] == [3, 4]
    train(tiny(folder / "alone", *every, *UNMEASURED, "seed=4"))
    alone, _ = load_model(folder / "alone" / "checkpoints" / "last.ckpt")
    for name, weights in alone.state_dict().items():
        torch.testing.assert_close(members[1].state_dict()[name], weights, **tolerance)


@pytest.mark.parametrize("case", [*thinned(METHODS), FULL])
def test_a_member_equals_the_run_with_its_seed(tiny, tmp_path, case):
    """The ensembles of those that the test below leaves out have their scores measured."""
    words = ("trainer.precision=64-true", "trainer.max_steps=50")
    of_ensemble = UNMEASURED if case in (*EXEMPLARS, FULL) else ()
    check_a_member(tiny, tmp_path, case, words, of_ensemble, {"rtol": 1e-9, "atol": 1e-12})


@pytest.mark.slow
@pytest.mark.parametrize("case", [*sorted(EXEMPLARS), FULL])
def test_in_single_precision_too(tiny, tmp_path, case):
    """For few updates: rounding grows where a loss has jumps or a rival."""
    words = ("trainer.precision=32-true", "trainer.max_steps=10")
    check_a_member(tiny, tmp_path, case, words, (), {"rtol": 1e-3, "atol": 1e-4})


@pytest.mark.parametrize("network", ["conv", "conv64", "linear"])
def test_every_network_has_the_same_gradients(tiny, tmp_path, network):
    plain = resolved(tiny(tmp_path, f"network={network}", "seed=3", "ensemble.size=2"))
    plain["ensemble"]["batched"] = True
    ensemble = build_ensemble(plain, (1, 64, 64)).double()
    image = torch.rand(2, 3, 1, 64, 64, dtype=torch.float64)
    noise = ensemble.noise_for(3, 0)
    batch = Batch(image, torch.zeros(2, 3, 0))
    ensemble.terms(batch, 0, noise)["reconstruction"].sum().backward()
    for number, member in enumerate(ensemble.members()):
        own = {"z": noise["z"][number]}
        of_member = on_tensors(itemgetter(number), batch)
        member.terms(of_member, 0, own)["reconstruction"].backward()
        for name, weights in member.named_parameters():
            stacked = ensemble.stacked.get_parameter(name).grad[number]
            torch.testing.assert_close(stacked, weights.grad, rtol=1e-9, atol=1e-12)


def test_results_read_like_those_of_single_runs(tiny, tmp_path):
    every = ("trainer.max_steps=12", "trainer.precision=64-true")
    train(tiny(tmp_path / "all", *every, "ensemble.size=2"))
    together = rows(tmp_path / "all")
    for seed, row in enumerate(scores(tmp_path / "all")["rows"]):
        folder = tmp_path / str(seed)
        train(tiny(folder, *every, f"seed={seed}"))
        alone = scores(folder)["rows"][0]
        assert row.keys() == alone.keys()
        for key, value in alone.items():
            assert row[key] == (pytest.approx(value, rel=1e-6) if "/" in key else value), key
        own = [line for line in together if line["seed"] == str(seed)]
        lines = rows(folder)
        assert [line["step"] for line in own] == [line["step"] for line in lines]
        for a, b in zip(own, lines, strict=True):
            assert a.keys() == b.keys()
            for key in a.keys() - {"train/steps_per_second"}:
                assert (a[key] == "") == (b[key] == "")
                if a[key]:
                    assert float(a[key]) == pytest.approx(float(b[key]), rel=1e-6), key


def test_a_checkpoint_of_an_ensemble_is_evaluated_member_by_member(
    tiny, config, tmp_path, monkeypatch
):
    train(tiny(tmp_path / "run", "ensemble.size=2", "trainer.max_steps=6"))
    shown = [each["latents"]["seed"] for each in read_decoders(tmp_path / "run")]
    assert shown == [0, 1]
    monkeypatch.setattr(page_files, "_TOGETHER", 1)  # no second decoder fits
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    words = (f"checkpoint='{path}'", "split=test", f"output_dir='{tmp_path}/again'")
    again = evaluate(config(*words, name="evaluate"))
    assert [row["seed"] for row in again] == [0, 1]
    assert [each["latents"]["seed"] for each in read_decoders(tmp_path / "again")] == [0]
    for row, before in zip(again, scores(tmp_path / "run")["rows"], strict=True):
        assert row["test/loss"] == pytest.approx(before["test/loss"])
        assert row["test/dto"] == pytest.approx(before["test/dto"])


@pytest.mark.parametrize("words", [(), ("posterior=full",)], ids=" ".join)
def test_members_one_after_the_other_give_what_batched_members_give(tiny, tmp_path, words):
    every = (*QUIET, "trainer.max_steps=10", "trainer.precision=64-true", "ensemble.size=2", *words)
    for batched in ("true", "false"):
        train(tiny(tmp_path / batched, *every, f"ensemble.batched={batched}"))
    a, b = (
        torch.load(tmp_path / n / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for n in ("true", "false")
    )
    for name, weights in a.items():
        torch.testing.assert_close(b[name], weights, rtol=1e-9, atol=1e-12)


def test_large_networks_are_batched_on_accelerators_only(tiny, tmp_path):
    def batched(*words):
        plain = resolved(tiny(tmp_path, "ensemble.size=2", *words))
        return build_ensemble(plain, (1, 64, 64)).batched

    assert batched("network=linear")
    assert not batched("network=mlp")
    assert not batched("network=conv64")
    assert batched("network=conv64", "ensemble.batched=true")


def test_resumed_ensemble_equals_unbroken_ensemble(tiny, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    every = ("ensemble.size=2", "model.initial_beta=20", "model.anneal_steps=12")
    train(tiny(whole, *every, "trainer.max_steps=17"))
    train(tiny(broken, *every, "trainer.max_steps=7"))
    train(tiny(broken, *every, "trainer.max_steps=17", f"resume='{broken}'"))
    a, b = (torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (whole, broken))
    assert all(
        torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in a["state_dict"]
    )
    assert a["callbacks"] == b["callbacks"]
    assert scores(whole)["rows"] == scores(broken)["rows"]
    with pytest.raises(RunFolderError, match="keeps its seeds"):
        train(tiny(broken, "ensemble.size=3", f"resume='{broken}'", "trainer.max_steps=20"))


class Fragile(nn.Module):
    """An encoder layer that gives NaN for the member whose marked weight is large."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        broken = self.layer.weight[0, 0] > 100
        return self.layer(x) + torch.where(broken, torch.nan, 0.0)


def fragile(image_shape, num_parameters, latent_dim):
    encoder, decoder = mlp(
        image_shape, num_parameters, latent_dim, encoder_sizes=(8,), decoder_sizes=(8,)
    )
    encoder[-1] = Fragile(encoder[-1])
    return encoder, decoder


def with_batch_norm(image_shape, num_parameters, latent_dim):
    encoder, decoder = fragile(image_shape, num_parameters, latent_dim)
    return nn.Sequential(encoder, nn.BatchNorm1d(num_parameters)), decoder


@pytest.fixture
def breaking(monkeypatch):
    """Lets the given members diverge at a step: ``breaking({number: step})``."""
    step_of = {}
    before = Ensemble.training_step

    def training_step(self, batch, batch_idx):
        for number, step in step_of.items():
            if self.global_step == step:
                with torch.no_grad():
                    self.stacked.encoder[-1].layer.weight[number, 0, 0] = 1000.0
        return before(self, batch, batch_idx)

    monkeypatch.setattr(Ensemble, "training_step", training_step)
    return step_of.update


def fragile_words(config):
    """The tiny configuration with the network above in the place of the mlp."""
    config.network = {"_target_": f"{__name__}.fragile", "_partial_": True}
    return config


def test_a_diverged_member_is_frozen_and_told_and_the_others_go_on(
    tiny, tmp_path, breaking, caplog
):
    every = ("trainer.max_steps=14", "trainer.precision=64-true", "ensemble.size=3")
    train(fragile_words(tiny(tmp_path / "healthy", *every)))
    breaking({1: 6})
    train(fragile_words(tiny(tmp_path / "one", *every)))
    assert "seed 1 has diverged" in caplog.text
    assert "nan at step 7; 2 of 3 members go on" in caplog.text
    result = scores(tmp_path / "one")
    assert result["about"]["diverged"] == [{"seed": 1, "step": 6}]
    assert result["about"]["finished"] == 2
    healthy = [row for row in scores(tmp_path / "healthy")["rows"] if row["seed"] != 1]
    assert result["rows"] == healthy
    assert {row["seed"] for row in rows(tmp_path / "one") if int(row["step"]) > 7} == {"0", "2"}
    path = tmp_path / "one" / "checkpoints" / "last.ckpt"
    assert [model.seed for model in load_models(path, (__name__,))[0]] == [0, 2]
    with pytest.raises(DataError, match=r"no seed 1 in it; there are \[0, 2\]"):
        load_model(path, seed=1, trust=(__name__,))
    weights = torch.load(path, weights_only=True)["state_dict"]["stacked.encoder.3.layer.weight"]
    assert weights[1, 0, 0] == 1000  # held since


def test_a_frozen_member_stays_frozen_after_a_resume(tiny, tmp_path, breaking):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    every = ("trainer.precision=64-true", "ensemble.size=2")
    breaking({0: 3})
    train(fragile_words(tiny(whole, *every, "trainer.max_steps=12")))
    train(fragile_words(tiny(broken, *every, "trainer.max_steps=6")))
    train(fragile_words(tiny(broken, *every, "trainer.max_steps=12", f"resume='{broken}'")))
    a, b = (torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (whole, broken))
    assert all(
        torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in a["state_dict"]
    )
    assert scores(whole) == scores(broken)


def test_a_run_of_which_nothing_is_left_ends(tiny, tmp_path, breaking):
    breaking({0: 3, 1: 5})
    with pytest.raises(TrainingDivergedError, match="all members; the last one, seed 1, at step 5"):
        train(fragile_words(tiny(tmp_path, "ensemble.size=2", "trainer.max_steps=14")))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("trainer.precision=16-mixed",), "16-mixed"),
        (("optimizer._target_=torch.optim.LBFGS",), "torch.optim.LBFGS"),
        (("ensemble.size=0",), "ensemble.size: 0 is not an integer from 1"),
    ],
)
def test_what_cannot_be_batched_is_refused(tiny, tmp_path, words, problem):
    with pytest.raises(ConfigError, match=problem):
        train(tiny(tmp_path, "ensemble.size=2", *words))


def test_a_network_with_a_state_of_its_own_is_refused(tiny, tmp_path):
    config = tiny(tmp_path, "ensemble.size=2")
    config.network = {"_target_": f"{__name__}.with_batch_norm", "_partial_": True}
    with pytest.raises(ConfigError, match=r"running_mean.*cannot be batched"):
        train(config)


def with_dropout(image_shape, num_parameters, latent_dim):
    encoder, decoder = fragile(image_shape, num_parameters, latent_dim)
    return nn.Sequential(encoder, nn.Dropout(0.1)), decoder


def test_dropout_is_refused(tiny, tmp_path):
    config = tiny(tmp_path, "ensemble.size=2")
    config.network = {"_target_": f"{__name__}.with_dropout", "_partial_": True}
    with pytest.raises(ConfigError, match="dropout draws numbers"):
        train(config)


def test_weights_that_are_not_trained_stay_so(tiny, tmp_path):
    plain = resolved(tiny(tmp_path, "network=linear"))
    members = [seeded_model(plain | {"seed": seed}, (1, 64, 64)) for seed in (0, 1)]
    for member in members:
        member.decoder.requires_grad_(False)
    trained = [p.requires_grad for p in Ensemble(members).stacked.parameters()]
    assert trained == [p.requires_grad for p in members[0].parameters()]


def test_a_member_of_finite_weights_but_no_finite_codes_does_not_end_the_others(
    tiny, tmp_path, monkeypatch
):
    before = EncodedSplit.finite.fget

    def finite(self):
        return before(self) and not (self.model.seed == 1 and self.step == 5)

    monkeypatch.setattr(EncodedSplit, "finite", property(finite))
    train(tiny(tmp_path, "ensemble.size=3", "trainer.max_steps=12"))
    result = scores(tmp_path)
    assert result["about"]["diverged"] == [{"seed": 1, "step": 5}]
    assert [row["seed"] for row in result["rows"]] == [0, 2]


@pytest.mark.parametrize("seed", [0, 7])  # also if it is the run's own
def test_members_share_the_batches_of_a_fixed_data_seed(tiny, tmp_path, seed):
    every = (*QUIET, "trainer.max_steps=10", f"data.seed={seed}", "trainer.precision=64-true")
    train(tiny(tmp_path / "all", *every, "ensemble.size=2"))
    train(tiny(tmp_path / "one", *every, "seed=1"))
    member, _ = load_model(tmp_path / "all" / "checkpoints" / "last.ckpt", seed=1)
    alone, _ = load_model(tmp_path / "one" / "checkpoints" / "last.ckpt")
    for name, weights in alone.state_dict().items():
        torch.testing.assert_close(member.state_dict()[name], weights, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses its own
def test_compiled_ensemble_gives_the_same_scores(tiny, tmp_path):
    every = (*QUIET, "trainer.max_steps=6", "ensemble.size=2", "model.initial_beta=20")
    every = (*every, "model.anneal_steps=4")
    train(tiny(tmp_path / "eager", *every))
    train(tiny(tmp_path / "compiled", *every, "compile=true"))
    for a, b in zip(*(scores(tmp_path / n)["rows"] for n in ("eager", "compiled")), strict=True):
        assert math.isclose(a["test/loss"], b["test/loss"], rel_tol=1e-4)
