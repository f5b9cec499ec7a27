"""From Python: a plain trainer makes the updates of ``vaescope train``, and its callbacks work."""

import re
import runpy
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

import vaescope
from builders.figures import undrawn
from vaescope.callbacks import Evaluation
from vaescope.config.loading import read_yaml
from vaescope.errors import ConfigError, DataError, RunFolderError
from vaescope.models import BetaVAE, PartsFor
from vaescope.statistics import Disentanglement

pytestmark = pytest.mark.usefixtures("no_figures")
SMALL = {
    "data": "tiny",
    "network": "mlp_60_40_20",
    "seed": 3,
    "latent_dim": 3,
    "logger": ["csv"],
    "statistics": [],
    "callbacks": ["checkpoint", "evaluation"],
    "channels_last": False,
    "threads": 1,
    "trainer": {"accelerator": "cpu", "precision": "32-true", "max_steps": 15},
}


@pytest.fixture
def trainer(tmp_path):
    """Factory of plain trainers."""

    def make(*callbacks, **options):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        keep = any(isinstance(each, ModelCheckpoint) for each in callbacks)
        return pl.Trainer(
            accelerator="cpu",
            callbacks=list(callbacks),
            default_root_dir=tmp_path,
            enable_checkpointing=keep,
            **quiet,
            **options,
        )

    return make


def small(seed=3, **symbols):
    """Data and model as a notebook makes them."""
    pl.seed_everything(seed, verbose=False)
    data = vaescope.load_data("tiny", seed=seed)
    return data, BetaVAE(PartsFor(data, network="mlp_60_40_20", latent_dim=3), **symbols)


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[k]) for k, value in one.state_dict().items())


def test_a_plain_trainer_ends_with_the_weights_of_the_command_line(trainer, tmp_path, command):
    data, model = small(beta=10, initial_beta=60)  # annealed over 4/5 of the trainer's updates
    trainer(max_steps=15).fit(model, data)
    words = ["data=tiny", "model=beta_vae_annealed", "network=mlp_60_40_20", "latent_dim=3"]
    words += ["seed=3", "logger=[csv]", "statistics=[]", "callbacks=[checkpoint,evaluation]"]
    words += ["channels_last=false", "trainer.precision=32-true", "trainer.max_steps=15"]
    words += ["trainer.accelerator=cpu", "threads=1"]
    command("train", *words, f"hydra.run.dir={tmp_path / 'words'}")
    theirs = vaescope.load(tmp_path / "words")
    assert same_weights(model, theirs.model)
    ours = vaescope.train(SMALL, model="beta_vae_annealed", output_dir=tmp_path / "python")
    assert same_weights(ours.model, theirs.model)
    assert ours.scores == theirs.scores
    one, other = (read_yaml(run.folder / "config.yaml") for run in (ours, theirs))
    for config in (one, other):
        for names_the_folder in ("output_dir", "callbacks", "logger"):
            config.pop(names_the_folder)
    assert one == other
    assert (ours.folder / ".hydra" / "overrides.yaml").is_file()
    assert "report:" in (ours.folder / "train.log").read_text()


def test_validation_has_no_part_in_the_updates(trainer):
    plain, watched = small(), small()
    trainer(max_epochs=2, limit_val_batches=0).fit(plain[1], plain[0])
    trainer(max_epochs=2, val_check_interval=3).fit(watched[1], watched[0])
    assert same_weights(plain[1], watched[1])


def test_terms_of_validation_are_means_over_the_part(trainer):
    data, model = small(beta=2)
    found = trainer().validate(model, data, verbose=False)[0]
    assert found.keys() == {"val/loss", "val/loss_final_weights", "val/reconstruction", "val/kl"}
    expected = found["val/reconstruction"] + 2 * found["val/kl"]
    assert found["val/loss"] == pytest.approx(expected, rel=1e-6)
    with torch.no_grad():
        means = [model.encode(batch.image) for batch in data.val_dataloader()]
    kl = torch.cat([model.kl(q).sum(-1) for q in means]).mean()
    assert found["val/kl"] == pytest.approx(kl.item(), rel=1e-5)


@pytest.mark.parametrize("method", ["JL1VAE", "SlowVAE", "FactorVAE", "Autoencoder"])
def test_methods_with_pairs_derivatives_and_adversaries_validate(trainer, method):
    kind = getattr(vaescope.models, method)
    data = vaescope.load_data("tiny", view="transitions_laplace" if kind.needs else None)
    symbols = {"width": 20} if method == "FactorVAE" else {}
    if method == "JL1VAE":
        symbols = {"anneal_steps": 0}
    model = kind(PartsFor(data, network="mlp_60_40_20", latent_dim=3), **symbols)
    engine = trainer(max_steps=2, val_check_interval=1)
    engine.fit(model, data)
    assert torch.isfinite(engine.callback_metrics["val/loss"])


def test_early_stopping_on_the_loss_stops(trainer):
    data, model = small()
    climb = partial(torch.optim.SGD, lr=1e-6, maximize=True)
    model.make_optimizer = climb  # each update raises the loss
    stop = EarlyStopping("val/loss", patience=1)
    engine = trainer(stop, max_epochs=50)
    engine.fit(model, data)
    assert stop.stopped_epoch == engine.current_epoch - 1 == 1


def test_checkpoints_on_the_loss_are_kept(trainer, tmp_path):
    data, model = small()
    keep = ModelCheckpoint(tmp_path / "kept", monitor="val/loss", filename="best")
    trainer(keep, max_epochs=3).fit(model, data)
    saved = torch.load(keep.best_model_path, weights_only=True)
    again = small()[1]
    again.load_state_dict(saved["state_dict"])
    found = trainer().validate(again, data, verbose=False)[0]
    assert float(keep.best_model_score) == pytest.approx(found["val/loss"])


def test_scores_of_an_evaluation_can_be_monitored(trainer):
    data, model = small()
    evaluation = Evaluation({"disentanglement": Disentanglement()}, every_n_steps=3)
    engine = trainer(evaluation, EarlyStopping("val/mig", mode="max", patience=99), max_epochs=2)
    engine.fit(model, data)
    assert 0 <= engine.callback_metrics["val/mig"] <= 1


def test_updates_are_logged_where_the_trainer_logs(trainer):
    data, model = small(beta=2)
    engine = trainer(max_steps=4, log_every_n_steps=2)
    engine.fit(model, data)
    logged = engine.callback_metrics
    assert float(logged["train/loss"]) == pytest.approx(
        float(logged["train/reconstruction"] + 2 * logged["train/kl"]), rel=1e-6
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "it's"
    with undrawn():
        return vaescope.train(SMALL, {"model.beta": 2.0}, model="beta_vae", output_dir=folder)


class TestRuns:
    def test_a_run_is_loaded_by_any_of_its_files(self, run):
        for name in ("", "scores.json", "checkpoints/last.ckpt", "checkpoints/best.ckpt"):
            again = vaescope.load(run.folder / name)
            assert again.scores == run.scores
            assert again.model.beta == 2
        assert run.settings["model"]["beta"] == 2
        assert run.models.keys() == {3}
        assert run.data.image_shape == (1, 64, 64)
        assert run.metrics[15, 3].keys() >= {"val/loss"}

    def test_a_folder_with_a_run_is_left_alone(self, run):
        before = (run.folder / ".hydra" / "overrides.yaml").read_bytes()
        with pytest.raises(RunFolderError, match=r"already: vaescope\.load"):
            vaescope.train(SMALL, output_dir=run.folder)
        assert (run.folder / ".hydra" / "overrides.yaml").read_bytes() == before

    def test_without_a_run_there_is_nothing_to_load(self, tmp_path):
        with pytest.raises(DataError, match="no run is there; give the folder"):
            vaescope.load(tmp_path)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: vaescope.train(model="beta_vaee"), "beta_vae"),
        (lambda: vaescope.train({"model.beta": -1}, data="tiny"), "model.beta: -1 is not"),
        (lambda: vaescope.train("-m", seed=1), "-m is of the command line"),
        (lambda: vaescope.train(resume="x"), "of the command line: vaescope train resume="),
        (lambda: vaescope.train(seed="0,1"), "seed"),
    ],
)
def test_settings_that_cannot_work_are_told(call, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=told):
        call()


@pytest.fixture
def example(tmp_path, monkeypatch, capsys):
    """What an example of the documents has named, and what it has printed."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        names = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "examples" / f"{name}.py"))
        return names, capsys.readouterr().out

    return run


def test_the_first_notebook_runs(example):
    names, told = example("notebook_start")
    assert "mig" in told
    assert "DtO" in told
    assert names["trainer"].global_step > 0


def test_a_decoder_of_ones_own_is_measured(example):
    _, told = example("own_decoder")
    trained, turned = map(float, re.findall(r"DtO (\S+)", told))
    assert trained < turned / 2


def test_a_folder_of_images_becomes_a_model_and_a_page(example, tmp_path):
    names, told = example("own_images")
    assert names["run"].data.image_shape == (3, 24, 32)
    assert (tmp_path / "outputs" / "photographs" / "report.html").is_file()
    assert "samples torch.Size([2, 3, 24, 32])" in told


def test_a_set_is_diagnosed_and_runs_are_compared(example):
    pytest.importorskip("pandas")
    names, told = example("diagnose_and_compare")
    assert sorted(names["runs"]["model.beta"]) == [0.5, 0.5, 4, 4]
    assert "alignment" in told


def test_the_documents_name_every_example():
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "how-to" / "python.md").read_text()
    for path in (docs / "examples").glob("*.py"):
        assert f"(../examples/{path.name})" in page
