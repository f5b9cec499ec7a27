"""``vaescope modify``: what it writes, what it refuses, what a stop or a full disk leaves."""

import errno
import os
import shlex
import signal

import numpy as np
import pytest
import torch

from vaescope.cli import main
from vaescope.config.loading import resolved
from vaescope.data import Factors, ModifiedDataModule, Panels
from vaescope.data.stored import StoredDataset
from vaescope.errors import ConfigError, DataError, RunFolderError
from vaescope.files import read_json
from vaescope.modification import making, modify
from vaescope.modification.game import Game
from vaescope.modification.references import standardise
from vaescope.networks import mlp

SHORT = (
    *("schedule.steps=6", "schedule.decoders_before=4", "schedule.decoders_after=4"),
    *("schedule.every_n_steps=2", "schedule.batch_size=16", "bar=false", "threads=1", "device=cpu"),
)


@pytest.fixture
def plain(config, tmp_path):
    """Factory of resolved configurations of short modifications."""

    def compose(*overrides, folder=tmp_path / "made"):
        return resolved(config(*SHORT, f"output_dir='{folder}'", *overrides, name="modify"))

    return compose


def images_of(path):
    module = ModifiedDataModule(path=path)
    module.setup()
    return module.dataset.batch(torch.arange(len(module.dataset))).image


def files_of(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("method", ["learnt", "closed_form"])
def test_the_set_is_the_original_plus_what_was_learnt(plain, tmp_path, method):
    made = modify(plain(f"method={method}", "epsilon=0.1"))
    original = Panels()
    change = images_of(made.path).double() - original.batch(torch.arange(1024)).image.double()
    assert 0.001 < change.abs().max() <= 0.1
    state = torch.load(tmp_path / "made" / "learning.ckpt", weights_only=True)["game"]
    network = mlp((1, 16, 16), 1, 2, encoder_sizes=(64, 64), decoder_sizes=(64, 64))[1]
    if method == "learnt":
        prefix = "modification.decoder."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
        w = standardise(original.factors, original.values(torch.arange(1024)))
        with torch.no_grad():
            expected = 0.1 * network(w).tanh()
        assert (change - expected).abs().max() < 0.1 / 127
    record = read_json(tmp_path / "made" / "modification.json")
    assert record["settings"]["epsilon"] == 0.1
    assert len(record["history"]) == len(made.history)
    assert (made.before.step, made.after.step) == (4, 14 if method == "learnt" else 8)
    assert (made.during is None) == (method == "closed_form")
    assert (tmp_path / "made" / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_spared_components_of_panels_are_the_panels(plain):
    made = modify(plain("spared_components=2", "epsilon=0.1"))
    change = images_of(made.path) - Panels().batch(torch.arange(1024)).image
    change = change.flatten(1)
    for panel in (slice(0, 80), slice(80, 128)):
        assert change[:, panel].abs().amax(1).median() > 1e-3
        assert change[:, panel].mean(1).abs().max() < 0.1 / 254


def test_factors_of_one_value_take_no_part():
    factors = Factors(("a", "one", "b"), (4, 1, 5), ("ordinal", "categorical", "ordinal"))
    pixels = torch.randint(0, 255, (20, 8, 8, 1), dtype=torch.uint8)
    gram = making.mean_gram(StoredDataset(pixels, factors, "made"), 0.0, seed=0)
    assert gram.shape == (2, 2)
    assert (gram.diagonal() > 0).all()


def test_vectors_have_no_picture_and_no_range(plain, tmp_path):
    made = modify(plain("data=synthetic_nonlinear", "data.num_points=500", "epsilon=0.5"))
    assert images_of(made.path).shape == (500, 6)
    assert not (tmp_path / "made" / "sheet.png").exists()


def test_a_damaged_record_is_told(plain, tmp_path):
    modify(plain())
    for content in ("", "{}", '{"settings": {}, "history": [{}], "seconds": 0}'):
        (tmp_path / "made" / "modification.json").write_text(content)
        with pytest.raises(DataError, match="is damaged"):
            modify(plain())
    (tmp_path / "made" / "modification.json").unlink()
    assert modify(plain()).after is not None


def test_the_same_command_again_does_nothing(plain, tmp_path):
    made = modify(plain())
    before = files_of(tmp_path / "made")
    assert modify(plain("threads=2", "bar=true")) == made
    assert files_of(tmp_path / "made") == before
    with pytest.raises(RunFolderError, match=r"other settings \(epsilon=0.15\)"):
        modify(plain("epsilon=0.2"))


@pytest.mark.parametrize("file", ["learning.ckpt", "modification.json"])
def test_nothing_is_trained_in_its_folder(tmp_path, capsys, file):
    (tmp_path / file).touch()
    with pytest.raises(SystemExit):
        main(["train", "experiment=tiny", f"hydra.run.dir={tmp_path}"])
    assert f"{tmp_path} holds a modification of vaescope modify" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {file, ".hydra", "train.log"}


@pytest.mark.parametrize("step", [0, 3])
def test_a_signal_is_told_and_the_same_command_goes_on(tmp_path, monkeypatch, capsys, step):
    main(["modify", *SHORT, f"output_dir={tmp_path / 'straight'}"])
    objective, calls = Game.objective, []

    def signalled(self, *given):
        calls.append(1)
        if len(calls) == step + 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return objective(self, *given)

    words = ["modify", *SHORT, f"output_dir={tmp_path / 'stopped'}"]
    with monkeypatch.context() as patch:
        patch.setattr(Game, "objective", signalled)
        with pytest.raises(SystemExit) as end:
            main(words)
    assert end.value.code == 143
    assert "its state is kept; go on with: vaescope modify " in capsys.readouterr().err
    assert not (tmp_path / "stopped" / "set").exists()
    main(words)
    told = capsys.readouterr().out
    assert "margin" in told
    assert f"data.path={tmp_path / 'stopped' / 'set'}" in told
    one, other = (images_of(tmp_path / name / "set") for name in ("straight", "stopped"))
    assert torch.equal(one, other)


class TestRefusals:
    """One clear error, before any training, and nothing written."""

    @pytest.fixture(autouse=True)
    def no_training(self, monkeypatch):
        def refused(*_, **__):
            raise AssertionError("it was trained")

        monkeypatch.setattr(making.Training, "run", refused)

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["data=digits"], "no known ones"),
            (["data=xy_squares", "data.num_squares=1", "data.max_placements=1"], "no known ones"),
            (["method=best"], "choose learnt or closed_form"),
            (["direction=up"], "choose entangle or align"),
            (["rotation.pairs=[[0,5]]"], "0 to 1|no factor|factor"),
            (["widths.of=[0.1]", "widths.mean=2"], "mean"),
            (["network=conv64"], "conv64 takes images"),
            (["schedule.steps=-1"], "steps"),
            (["device=tpu"], "config.device: 'tpu'; here is cpu"),
            (["rotation.angle=90"], r"config\.rotation: angle=90 was given"),
            (["widths.of=[0.1,a]"], r"config\.widths: of=\[0\.1, 'a'\] was given"),
            (["data=uniform_noise", "data@data.original=panels"], "cannot be modified"),
        ],
    )
    def test_settings(self, plain, tmp_path, words, told):
        with pytest.raises(ConfigError, match=told):
            modify(plain(*words))
        assert not (tmp_path / "made").exists()

    def test_all_mistakes_at_once(self, plain):
        with pytest.raises(ConfigError) as error:
            modify(plain("method=best", "direction=up", "data=digits"))
        assert all(word in str(error.value) for word in ("best", "up", "no known ones"))

    @pytest.mark.parametrize("epsilon", ["0", "-0.1", "1.5", "nan", "1e-12"])
    def test_epsilon(self, capsys, tmp_path, epsilon):
        with pytest.raises(SystemExit):
            main(["modify", *SHORT, f"epsilon={epsilon}", f"output_dir={tmp_path / 'made'}"])
        assert "config.epsilon" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "word", ["view=pairs_locatello", "model.beta=2", "trainer.max_steps=9"]
    )
    def test_settings_of_a_training(self, capsys, tmp_path, word):
        folder = tmp_path / "made"
        with pytest.raises(SystemExit):
            main(["modify", *SHORT, word, f"output_dir={folder}"])
        assert f"{word} was given, which has no part" in capsys.readouterr().err
        assert not (folder / "set").exists()

    def test_other_folders(self, plain, tmp_path, capsys):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "thesis.tex").write_text("ten years")
        with pytest.raises(RunFolderError, match=r"holds thesis\.tex"):
            modify(plain(folder=folder))
        with pytest.raises(SystemExit):
            main(["modify", *SHORT, f"output_dir={folder}"])
        assert "thesis.tex" in capsys.readouterr().err
        assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
        with pytest.raises(RunFolderError, match="is a file"):
            modify(plain(folder=folder / "thesis.tex"))


@pytest.mark.parametrize("written", ["learning.ckpt", "change.npy", "sheet.png"])
def test_a_full_disk_is_one_error_and_nothing_is_half_written(
    tmp_path, monkeypatch, capsys, written
):
    folder = tmp_path / "made"
    words = ["modify", *SHORT, f"output_dir={folder}"]

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), written)

    where = {
        "learning.ckpt": (torch, "save"),
        "change.npy": (np.ndarray, "tofile"),
        "sheet.png": (making, "save_sheet"),
    }
    with monkeypatch.context() as patch:
        if written == "change.npy":
            patch.setattr("vaescope.data.files.npy_cache._Conversion.run", full)
        else:
            patch.setattr(*where[written], full)
        with pytest.raises(SystemExit) as end:
            main(words)
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert "free some" in told
    assert "Traceback" not in told
    assert not (folder / "modification.json").exists()
    assert not list(folder.glob(".*.new"))
    main(words)
    assert (folder / "modification.json").is_file()


def test_a_set_that_was_damaged_since_is_told(tmp_path, capsys):
    words = ["modify", *SHORT, "method=closed_form", f"output_dir={tmp_path / 'made'}"]
    main(words)
    (tmp_path / "made" / "set" / "change.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SystemExit):
        main(words)
    assert "change.npy is damaged" in capsys.readouterr().err


def test_vectors_that_are_no_probabilities_need_another_likelihood(plain, tmp_path):
    rng = np.random.default_rng(0)
    factors = np.stack(np.meshgrid(np.arange(5), np.arange(5)), -1).reshape(-1, 2).repeat(4, 0)
    vectors = (factors @ rng.normal(size=(2, 6))).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", images=vectors, factors=factors)
    words = [
        *("data=arrays", f"data.path='{tmp_path / 'vectors.npz'}'", "network=mlp"),
        *("data.images=images", "data.factor_values=factors", f"data_dir='{tmp_path / 'cache'}'"),
    ]
    with pytest.raises(ConfigError, match="choose likelihood=gaussian"):
        modify(plain(*words))
    assert modify(plain(*words, "likelihood=gaussian")).after is not None


def test_the_command_that_trains_on_it_can_be_pasted(tmp_path, capsys):
    folder = tmp_path / "it's mine"
    words = (f'output_dir="{folder}"', "method=closed_form", "network=mlp")
    main(["modify", *SHORT, *words])
    told = capsys.readouterr().out
    shown = next(line for line in told.splitlines() if line.startswith("train on it: "))
    command = shlex.split(shown.removeprefix("train on it: "))
    assert command[:4] == ["vaescope", "train", "data=modified", "network=mlp"]
    main(["data", "show", *command[2:], f"output_dir={tmp_path / 'shown'}"])
    assert (tmp_path / "shown" / "data.html").is_file()
