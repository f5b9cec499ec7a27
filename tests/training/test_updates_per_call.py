"""Updates made many in a call are, bit for bit, those made each by itself."""

import json
import logging
import signal
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from builders.thinned import EXEMPLARS, thinned
from vaescope.config.loading import config_dir
from vaescope.ensemble import Ensemble
from vaescope.experiment.training import train
from vaescope.models import LatentModel
from vaescope.models.updating import UNAVERAGED
from vaescope.stopping import Stopped, stoppable
from vaescope.updates import making
from vaescope.updates.cuda_graph import CallBuffers
from vaescope.updates.making import UpdateMaker

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

METHODS = sorted(path.stem for path in (Path(config_dir()) / "model").glob("*.yaml"))
# networks of their own, which would have millions of weights or take long
SMALLER = {
    "factor_vae": ("model.width=50",),
    "factor_qvae": ("model.width=50",),
    "weakly_supervised_gan": ("model.width=16",),
    "ds_vae": ("data.view.length=3",),
    "enc_diff": ("model.channels=8", "model.num_steps=1"),
    "principal_flow": ("model.num_components=8", "model.num_layers=2"),
}
BARE = (
    *("trainer=float32", "trainer.max_steps=12", "statistics=[latents]", "~callbacks.pictures"),
    *("callbacks.progress.every_n_steps=100", "callbacks.finite.every_n_steps=100"),
    *("callbacks.evaluation.every_n_steps=100", "callbacks.checkpoint.every_n_steps=100"),
)


def saved(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def assert_same_state(folder, other, keys=("state_dict", "optimizer_states", "loops", "epoch")):
    """Weights, moments and all that Lightning counts are equal, to the last bit."""
    one, two = saved(folder), saved(other)
    for key in (*keys, "global_step", "callbacks"):
        assert_equal(one[key], two[key], key)
    assert_equal(one.get(UNAVERAGED), two.get(UNAVERAGED), UNAVERAGED)


def assert_equal(one, two, where):
    if isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_equal(one[key], two[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), where
        for number, pair in enumerate(zip(one, two, strict=True)):
            assert_equal(*pair, f"{where}.{number}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif "per_second" not in where:
        assert one == two or one != one, where


def calls(caplog):
    return [r.getMessage() for r in caplog.records if "updates per call" in r.getMessage()]


def check_method(tiny, tmp_path, caplog, method, size):
    every = (f"model={method}", *SMALLER.get(method, ()), *BARE, f"ensemble.size={size}")
    with caplog.at_level(logging.INFO):
        for number in (1, 5):
            train(tiny(tmp_path / str(number), *every, f"updates_per_call={number}"))
    assert [int(line.split()[3]) for line in calls(caplog)] == [1, 5]
    assert_same_state(tmp_path / "1", tmp_path / "5")


@pytest.mark.parametrize("method", thinned(METHODS))
def test_every_method_has_the_numbers_of_single_updates(tiny, tmp_path, caplog, method):
    check_method(tiny, tmp_path, caplog, method, 2)


@pytest.mark.parametrize("method", sorted(EXEMPLARS))
def test_methods_without_an_ensemble_have_them_too(tiny, tmp_path, caplog, method):
    check_method(tiny, tmp_path, caplog, method, 1)


SETTINGS = {
    "short epochs": ("+trainer.limit_train_batches=7", "trainer.max_steps=24"),
    "epochs": ("trainer.max_epochs=2", "trainer.max_steps=-1", "data.batch_size=100"),
    "odd batch": ("data.batch_size=13",),
    "weights": ("sampling=correlated",),
    "clipped": ("trainer.gradient_clip_val=0.1",),
    "scheduled and averaged": ("scheduler=cosine", "scheduler.warmup_steps=3", "ema.decay=0.9"),
    "bfloat16": ("trainer.precision=bf16-mixed",),
    "float64": ("trainer.precision=64-true",),
    "convolutions": ("network=conv64", "trainer.max_steps=4"),
    "conv": ("network=conv", "trainer.max_steps=4"),
    "adagrad": ("optimizer=adagrad",),
    "all due": ("callbacks.progress.every_n_steps=3", "callbacks.evaluation.every_n_steps=4"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_every_setting_has_the_numbers_of_single_updates(tiny, tmp_path, case):
    every = ("model=beta_vae_annealed", *BARE, *SETTINGS[case])
    for number in (1, 5):
        train(tiny(tmp_path / str(number), *every, f"updates_per_call={number}"))
    assert_same_state(tmp_path / "1", tmp_path / "5")


@pytest.mark.parametrize(("before", "after"), [(1, 5), (5, 1)])
def test_a_run_goes_on_with_another_number(tiny, tmp_path, before, after):
    every = (*BARE, "+trainer.limit_train_batches=9")
    train(tiny(tmp_path / "whole", *every, "updates_per_call=1", "trainer.max_steps=24"))
    train(tiny(tmp_path / "two", *every, f"updates_per_call={before}"))
    more = ("trainer.max_steps=24", f"resume='{tmp_path / 'two'}'")
    train(tiny(tmp_path / "two", *every, f"updates_per_call={after}", *more))
    assert_same_state(tmp_path / "whole", tmp_path / "two", ("state_dict", "optimizer_states"))


def test_a_call_ends_where_something_is_due(tiny, tmp_path, monkeypatch):
    ends = []
    monkeypatch.setattr(
        pl.LightningModule,
        "on_train_batch_end",
        lambda module, *_: ends.append(module.global_step),
    )
    every = ("callbacks.progress.every_n_steps=6", "callbacks.checkpoint.every_n_steps=8")
    train(tiny(tmp_path, *BARE, *every, "updates_per_call=5", "data.batch_size=8"))
    assert ends == [5, 6, 8, 12]


REASONS = {
    "accumulated": "trainer.accumulate_grad_batches=2",
    "overfit_batches": "+trainer.overfit_batches=3",
    "profiler": "trainer.profiler=simple",
    "worker": "data.num_workers=1",
}


@pytest.mark.parametrize("reason", REASONS)
def test_what_needs_single_updates_says_so(tiny, tmp_path, caplog, reason):
    with caplog.at_level(logging.INFO):
        train(tiny(tmp_path, *BARE, "updates_per_call=5", REASONS[reason]))
    (line,) = calls(caplog)
    assert line.startswith("updates per call: 1 (")
    assert reason in line


def test_a_term_that_is_not_finite_is_found_at_its_step(tiny, tmp_path):
    told = []
    for number in (1, 5):
        every = (*BARE, "optimizer.lr=1e8", f"updates_per_call={number}")
        with pytest.raises(Exception, match="not a finite number") as raised:
            train(tiny(tmp_path / str(number), *every))
        told.append(str(raised.value).partition(". Last")[0])
    assert told[0] == told[1]


def test_a_signal_waits_for_the_end_of_a_call(tiny, tmp_path, monkeypatch):
    update = UpdateMaker._update

    def interrupted(self, module, optimizer, batch, step, noise):
        if step == 6:
            signal.raise_signal(signal.SIGTERM)
        return update(self, module, optimizer, batch, step, noise)

    monkeypatch.setattr(UpdateMaker, "_update", interrupted)
    every = (*BARE, "data.batch_size=8")  # an epoch is longer than the run
    with stoppable(), pytest.raises(Stopped):
        train(tiny(tmp_path / "run", *every, "updates_per_call=5"))
    assert saved(tmp_path / "run")["global_step"] == 10
    train(tiny(tmp_path / "run", *every, "updates_per_call=5"))
    train(tiny(tmp_path / "whole", *every, "updates_per_call=1"))
    assert_same_state(tmp_path / "whole", tmp_path / "run", ("state_dict", "optimizer_states"))


def test_the_number_is_chosen_by_the_time_of_an_update(tiny, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        train(tiny(tmp_path, *BARE))
    (line,) = calls(caplog)
    assert "ms an update" in line
    assert json.loads((tmp_path / "scores.json").read_text())["rows"]


# what an update has besides: three settings that a program has inside
PACED = ("scheduler=cosine", "ema.decay=0.9", "trainer.gradient_clip_val=0.5")
LONG = ("data.batch_size=8", "trainer.max_steps=12", "network=linear")


def assert_close_states(folder, other):
    one, two = saved(folder), saved(other)
    assert one["loops"] == two["loops"]
    assert one["global_step"] == two["global_step"]
    for key in {"state_dict", UNAVERAGED} & one.keys():
        for name, weights in one[key].items():
            torch.testing.assert_close(weights, two[key][name], rtol=1e-3, atol=1e-5)
    states = one["optimizer_states"][0], two["optimizer_states"][0]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    assert states[0]["state"].keys() == states[1]["state"].keys()
    for number, state in states[0]["state"].items():
        assert torch.equal(state["step"], states[1]["state"][number]["step"])


def check_any_calls(tiny, folder, caplog, *words):
    """Updates of a program are those of the run in ``eager``, however many there are in a call."""
    with caplog.at_level(logging.INFO):
        train(tiny(folder / "1", *words, "updates_per_call=1"))
        train(tiny(folder / "5", *words, "updates_per_call=5"))
        train(tiny(folder / "two", *words, "updates_per_call=5", "trainer.max_steps=7"))
        train(tiny(folder / "two", *words, "updates_per_call=3", f"resume='{folder / 'two'}'"))
    assert_close_states(folder / "eager", folder / "1")
    assert_same_state(folder / "1", folder / "5")
    assert_same_state(folder / "1", folder / "two", ("state_dict", "optimizer_states"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses its own
@pytest.mark.parametrize(("size", "more"), [(1, PACED), (3, ())])
def test_compiled_updates_are_those_that_are_not(tiny, tmp_path, caplog, size, more):
    """Whatever the number of updates in a call, and whether the run goes on from a checkpoint."""
    every = (*BARE, *LONG, f"ensemble.size={size}", "model=beta_vae_annealed", *more)
    train(tiny(tmp_path / "eager", *every, "compile=false"))
    check_any_calls(tiny, tmp_path, caplog, *every, "compile=true")
    assert caplog.text.count("updates are compiled") == 4
    assert "not compiled" not in caplog.text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_program_freezes_the_member_that_diverges(tiny, tmp_path, monkeypatch):
    draw = Ensemble.noise_of

    def poisoned(self, batch_size, first, count):
        drawn = draw(self, batch_size, first, count)
        if first <= 4 < first + count:
            drawn["z"][4 - first, 1] = float("nan")
        return drawn

    monkeypatch.setattr(Ensemble, "noise_of", poisoned)
    every = (*BARE, *LONG, "ensemble.size=3", "updates_per_call=5")
    for name, choice in (("eager", "false"), ("compiled", "true")):
        train(tiny(tmp_path / name, *every, f"compile={choice}"))
    states = [saved(tmp_path / name)["state_dict"] for name in ("eager", "compiled")]
    for state in states:
        assert state["diverged_at"].tolist() == [-1, 4, -1]
    for name, weights in states[0].items():
        torch.testing.assert_close(weights, states[1][name], rtol=1e-3, atol=1e-5)


def test_what_cannot_be_compiled_says_so(tiny, tmp_path, caplog, monkeypatch):
    compiled = []
    monkeypatch.setattr(making, "_compile_parts", compiled.append)
    train(tiny(tmp_path, *BARE, "compile=true", "trainer.precision=64-true", "trainer.max_steps=2"))
    assert "not whole updates: precision=64-true" in caplog.text
    assert len(compiled) == 1


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """The program of a CUDA graph and its buffers, run where there is no GPU to capture it."""
    buffers = partial(CallBuffers, repeated=lambda function: function)
    monkeypatch.setattr(making, "CallBuffers", buffers)
    monkeypatch.setattr(making, "_why_no_graph", lambda *_: None)


@pytest.mark.parametrize(("size", "more"), [(1, ()), (3, PACED)])
def test_replayed_updates_are_those_that_are_not(tiny, tmp_path, caplog, as_on_a_gpu, size, more):
    """Whatever the number of updates in a call, and whether the run goes on from a checkpoint."""
    method = ("model=beta_vae_annealed", "compile=false")
    every = (*BARE, *LONG, f"ensemble.size={size}", *method, *more)
    train(tiny(tmp_path / "eager", *every, "cuda_graph=false"))
    check_any_calls(tiny, tmp_path, caplog, *every, "cuda_graph=true")
    assert caplog.text.count("updates are replays") == 4
    assert "no replays" not in caplog.text


def test_what_cannot_be_replayed_says_so(tiny, tmp_path, caplog, as_on_a_gpu, monkeypatch):
    """Updates in which the host would wait for the device are made as without a graph."""
    every = (*BARE, *LONG, "updates_per_call=5")
    train(tiny(tmp_path / "plain", *every, "cuda_graph=false"))
    monkeypatch.setattr(making, "first_wait", lambda *_: "aten.nonzero.default")
    with caplog.at_level(logging.INFO):
        train(tiny(tmp_path / "refused", *every, "cuda_graph=true"))
    assert "no replays of a CUDA graph: the host waits at aten.nonzero" in caplog.text
    assert_same_state(tmp_path / "plain", tmp_path / "refused")


def test_what_does_not_compile_is_replayed_all_the_same(
    tiny, tmp_path, caplog, as_on_a_gpu, monkeypatch
):
    def refuse(*_, **__):
        def compiled(*_):
            raise RuntimeError("no compiler here")

        return compiled

    every = (*BARE, *LONG, "updates_per_call=5", "cuda_graph=true")
    train(tiny(tmp_path / "replayed", *every, "compile=false"))
    monkeypatch.setattr(torch, "compile", refuse)
    with caplog.at_level(logging.INFO):
        train(tiny(tmp_path / "both", *every, "compile=true"))
    assert "updates are not compiled: no compiler here" in caplog.text
    assert "no replays" not in caplog.text
    assert_same_state(tmp_path / "replayed", tmp_path / "both")


def test_updates_alone_have_the_products_that_are_wanted(tiny, tmp_path, monkeypatch):
    seen, made = [], LatentModel.update_outcome

    def update_outcome(*arguments):
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        return made(*arguments)

    monkeypatch.setattr(LatentModel, "update_outcome", update_outcome)
    train(tiny(tmp_path, *BARE, "tf32=true", "trainer.max_steps=2"))
    assert seen == [True, True]
    assert not torch.backends.cuda.matmul.allow_tf32


def test_without_a_gpu_a_cuda_graph_is_refused_in_a_sentence(tiny, tmp_path, caplog):
    train(tiny(tmp_path, *BARE, "cuda_graph=true", "trainer.max_steps=2"))
    assert "cuda_graph=true has no effect: the device that trains is a cpu" in caplog.text
