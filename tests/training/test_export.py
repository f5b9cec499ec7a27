"""Exported models: read back they give the model's numbers, and the card says what they are."""

import shutil
from types import SimpleNamespace

import pytest
import torch

import vaescope
from builders.composition import composed
from builders.figures import undrawn
from vaescope.errors import ConfigError, DataError
from vaescope.export import formats
from vaescope.export.program import export

SMALL = {
    "data": "tiny",
    "network": "mlp_60_40_20",
    "latent_dim": 3,
    "logger": ["csv"],
    "statistics": ["disentanglement"],
    "callbacks": ["checkpoint"],
    "threads": 1,
    "trainer": {"accelerator": "cpu", "precision": "32-true", "max_steps": 5},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    with undrawn():
        return vaescope.train(SMALL, {"model.beta": 2.0}, model="beta_vae", output_dir=folder)


@pytest.fixture
def exported(run, tmp_path):
    """Factory ``exported(format, *words)`` of folders."""

    def make(name, *words):
        said = [f"run='{run.folder}'", f"format={name}", f"output_dir='{tmp_path}'", *words]
        return export(composed("export", said))

    return make


@pytest.mark.parametrize(("name", "file"), [("torch", "model.pt"), ("safetensors", None)])
def test_weights_are_those_of_the_run(exported, run, name, file):
    folder = exported(name)
    again = vaescope.load(folder / (file or "model.safetensors"))
    assert again.settings == run.settings
    state = run.model.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in again.model.state_dict().items())
    left = {path.name for path in folder.iterdir()}
    assert (
        left == {"README.md", file} if file else {"README.md", "model.safetensors", "config.json"}
    )


def test_onnx_gives_the_numbers_of_the_model_for_any_batch(exported, run):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = exported("onnx")
    images = torch.rand(7, 1, 64, 64)
    with torch.no_grad():
        q = run.model.encode(images)
        expected = q.mean, q.variance, run.model.decode_mean(q.mean)
    encoder, decoder = (
        onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"])
        for name in ("encoder.onnx", "decoder.onnx")
    )
    found = encoder.run(["mean", "variance"], {"image": images.numpy()})
    found += decoder.run(["image"], {"codes": expected[0].numpy()})
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, torch.from_numpy(other), atol=1e-5, rtol=1e-5)


def test_the_card_says_what_it_is(exported, run):
    text = (exported("torch") / "README.md").read_text(encoding="utf-8")
    row = run.scores[0]
    assert text.startswith("---\nlibrary_name: vaescope\n")
    assert "# BetaVAE on " in text
    assert "Licence of the images:" in text
    assert f"| test/mig | {row['test/mig']:.4g} | {row['test/mig_chance']:.3g} |" in text
    assert "  beta: 2.0\n" in text
    assert "largest difference from the model on test images 0.0e+00" in text


def test_a_file_with_other_numbers_is_not_written(exported, run, monkeypatch, tmp_path):
    load = formats.load_models

    def changed(path):
        models, saved = load(path)
        next(models[0].decoder.parameters()).data.add_(1e-3)
        return models, saved

    monkeypatch.setattr(formats, "load_models", changed)
    with pytest.raises(DataError, match=r"model\.pt is not written: .* 1e-05 is allowed"):
        exported("torch")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["onnx", "safetensors"])
def test_packages_that_are_missing_are_told(exported, monkeypatch, name):
    monkeypatch.setattr(formats, "find_spec", lambda package: None)
    with pytest.raises(ConfigError, match=rf"format={name} needs .*'vaescope\[export\]'"):
        exported(name)


def test_without_a_run_nothing_is_exported(tmp_path):
    for words, told in (([], "give run=FOLDER"), ([f"run={tmp_path}"], "no checkpoint is there")):
        said = ["format=torch", f"output_dir='{tmp_path}'", *words]
        with pytest.raises((ConfigError, DataError), match=told):
            export(composed("export", said))


def test_another_format_is_refused(exported):
    with pytest.raises(ConfigError, match="format=pickle; there are onnx, safetensors, torch"):
        exported("pickle")


class TestHub:
    @pytest.fixture
    def hub(self):
        return pytest.importorskip("huggingface_hub")

    def test_without_an_account_nothing_is_written(self, hub, exported, monkeypatch, tmp_path):
        monkeypatch.setattr(hub, "get_token", lambda: None)
        with pytest.raises(ConfigError, match="not logged in; run `hf auth login`"):
            exported("torch", "push_to_hub=me/mine")
        assert list(tmp_path.iterdir()) == []

    def test_the_files_and_nothing_else_are_uploaded(self, hub, exported, monkeypatch, tmp_path):
        sent = {}

        class Account:
            def create_repo(self, name, *, private, exist_ok):
                return SimpleNamespace(repo_id=f"me/{name}")

            def upload_folder(self, **options):
                sent.update(options)

        monkeypatch.setattr(hub, "get_token", lambda: "token")
        monkeypatch.setattr(hub, "HfApi", Account)
        (tmp_path / "secret.txt").write_text("x")
        folder = exported("safetensors", "push_to_hub=mine")
        assert sent["repo_id"] == "me/mine"
        assert sent["folder_path"] == folder
        names = ["model.safetensors", "README.md", "config.json"]
        assert sent["allow_patterns"] == names
        card = hub.ModelCard.load(folder / "README.md")
        assert card.data.tags[0] == "vae"
        copy = shutil.copytree(folder, tmp_path / "downloaded", ignore=lambda *_: {"downloaded"})
        assert vaescope.load(copy / "model.safetensors").model.beta == 2
