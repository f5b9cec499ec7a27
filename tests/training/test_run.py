"""What a run leaves: numbers that agree with each other, files that stand alone."""

import json
import re

import pytest
import torch
from omegaconf import OmegaConf

from vaescope.experiment.assembly import load_model
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture
def run(tiny, folder):
    """One run that the tests here read."""
    if not (folder / "scores.json").exists():
        train(tiny(folder, "trainer.max_steps=12", "model.beta=2"))
    return folder


def test_files(run):
    expected = {
        *("checkpoints", "config.yaml", "environment.json", "factors.json", "metrics.csv"),
        *("scores.json", "timing.json", "traversals.png", "reconstructions.png", "report.html"),
    }
    assert expected <= {path.name for path in run.iterdir()}
    assert not list(run.rglob(".*[0-9]"))  # no temporaries


def test_report_needs_no_network(run):
    page = (run / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", page)
    latents = json.loads((run / "latents.json").read_text())["latents"]
    pictures = page.count('src="data:image/png;base64,')
    assert pictures == len(latents) + 2  # a traversal each, images given and rebuilt
    assert page.count("<svg") >= 4
    row = json.loads((run / "scores.json").read_text())["rows"][0]
    assert f"{row['test/mig']:.4g}" in page


def test_checkpoint_alone_rebuilds_the_model_and_its_scores(run, config, tmp_path):
    row = json.loads((run / "scores.json").read_text())["rows"][0]
    checkpoint = run / "checkpoints" / "last.ckpt"
    again = evaluate(config(f"checkpoint='{checkpoint}'", name="evaluate"))[0]
    assert again.keys() == row.keys()
    for key, value in row.items():
        assert again[key] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)
    assert json.loads((tmp_path / "scores.json").read_text())["rows"] == [again]
    page = (tmp_path / "report.html").read_text()
    assert f"{row['test/mig']:.4g}" in page
    assert "Move through the latents" in page
    for name in ("traversals.png", "reconstructions.png", "information.png", "pictures.json"):
        assert (tmp_path / name).is_file(), name


def test_checkpoint_holds_no_objects(run):
    for name in ("last", "best"):
        saved = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert saved["vaescope"]["config"] == OmegaConf.to_container(
            OmegaConf.load(run / "config.yaml"), resolve=True
        )


def test_best_checkpoint_has_the_lowest_loss(run):
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    history = saved["callbacks"]["Evaluation"]["history"]
    evaluations = {row["step"]: row["val/loss_final_weights"] for row in history if row["step"]}
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert evaluations[best["global_step"]] == min(evaluations.values())


def test_evaluations_are_before_the_first_update_regular_and_at_the_end(run):
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    steps = [row["step"] for row in saved["callbacks"]["Evaluation"]["history"]]
    assert steps == [0, 5, 10, 12]


def test_loss_is_the_sum_of_its_terms(run):
    row = json.loads((run / "scores.json").read_text())["rows"][0]
    kl = row["test/weight_kl"] * row["test/kl"]
    assert row["test/loss"] == pytest.approx(row["test/reconstruction"] + kl)
    assert row["test/kl"] == pytest.approx(row["test/kl_total"])
    latents = [value for key, value in row.items() if key.startswith("test/kl_latent_")]
    assert sum(latents) == pytest.approx(row["test/kl_total"], rel=1e-5)


def test_environment_names_versions_and_commit(run):
    (record,) = json.loads((run / "environment.json").read_text())
    # PyPI's builds leave "+cu130" out of their metadata
    assert torch.__version__.startswith(record["packages"]["torch"])
    assert record["git"] is None or re.fullmatch("[0-9a-f]{40}", record["git"]["commit"])


def test_loaded_model_is_the_trained_one(run):
    model, saved = load_model(run / "checkpoints" / "last.ckpt")
    assert not model.training
    weights = model.state_dict()
    assert all(torch.equal(weights[k], v) for k, v in saved["state_dict"].items())


@pytest.mark.parametrize("data", ["synthetic_linear", "synthetic_nonlinear"])
@pytest.mark.parametrize("model", ["autoencoder", "beta_vae"])
def test_vector_data_and_points_are_reported_too(tiny, tmp_path, data, model):
    words = ["trainer.max_steps=3", f"data={data}", f"model={model}", "data.num_points=600"]
    row = train(tiny(tmp_path, *words))[0]
    assert (tmp_path / "report.html").is_file()
    assert ("test/kl" in row) == (model == "beta_vae")
    assert row["test/dto"] >= 0


def test_sweep_of_two_is_two_wandb_runs(shell, tmp_path):
    words = ("experiment=tiny", "network=linear", "trainer.max_steps=3", "model=vae,beta_vae")
    shell("train", "-m", *words, "hydra.sweep.dir=sweep", WANDB_MODE="offline")
    runs = sorted(tmp_path.glob("sweep/*/wandb/offline-run-*/*.wandb"))
    assert [path.parents[2].name for path in runs] == ["0", "1"]
    for path, method in zip(
        runs, (b"vaescope.models.VAE", b"vaescope.models.BetaVAE"), strict=True
    ):
        content = path.read_bytes()
        assert method in content  # the configuration
        assert b"test/mig" in content  # the summary
    rows = json.loads((tmp_path / "sweep" / "scores.json").read_text())["rows"]
    assert [row["model"] for row in rows] == ["VAE", "BetaVAE"]


def test_command_line_prints_the_configuration_and_runs_nothing(shell, tmp_path):
    printed = shell("train", "--cfg", "job", "model=vae", "seed=3").stdout
    assert OmegaConf.create(printed).seed == 3
    assert "_target_: vaescope.models.VAE" in printed
    assert "model: vae" in shell("train", "--info", "defaults-tree", "model=vae").stdout
    assert not (tmp_path / "outputs").exists()


def test_help_lists_every_command(process):
    from vaescope.cli import COMMANDS

    for words in ((), ("--help",)):
        printed = process(*words).stdout
        assert all(f"  {name}" in printed and line in printed for name, line in COMMANDS.items())
