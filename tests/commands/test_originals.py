"""Originals on the command line: the set that is added to decides network and likelihood."""

import hashlib
import json
import shutil

import pytest
import torch
from hydra.errors import HydraException

from builders.miniature import arrays
from vaescope.commands.originals import with_originals
from vaescope.config.checks import check
from vaescope.config.loading import build, resolved
from vaescope.data import (
    ArraysDataModule,
    ModifiedDataModule,
    PanelsDataModule,
    TinySquaresDataModule,
    write_modified,
)
from vaescope.errors import ConfigError


def no_change(original):
    def change(values, rows):
        return torch.zeros(len(rows), *original.image_shape)

    return change


def write(folder, original):
    return write_modified(folder, original, no_change(original), 0.1, {})


@pytest.fixture(scope="module")
def panels(tmp_path_factory):
    return write(tmp_path_factory.mktemp("m") / "panels", PanelsDataModule(amplitude=0.1, turn=30))


def test_the_original_of_noise_is_chosen_as_a_data_set_is(config):
    words = with_originals(
        ["data=uniform_noise", "data.original=panels", "data.original.amplitude=0.1"]
    )
    noise, plain = config(*words), config("data=panels")
    check(noise)
    for group in ("network", "likelihood", "model"):
        assert noise[group] == plain[group]
    assert noise.data.batch_size == plain.data.batch_size == 256
    module = build(resolved(noise)["data"], "data")
    assert isinstance(module.original, PanelsDataModule)
    assert module.original.amplitude == 0.1
    assert config(*words, "likelihood=bernoulli").likelihood == config().likelihood


def test_the_original_of_a_modified_set_is_read_from_its_folder(config, panels):
    words = with_originals(["data=modified", f"data.path='{panels}'", "data.shuffle_seed=2"])
    modified, plain = config(*words), config("data=panels")
    check(modified)
    for group in ("network", "likelihood", "model"):
        assert modified[group] == plain[group]
    assert modified.data.batch_size == 256
    assert (modified.data.original.amplitude, modified.data.original.turn) == (0.1, 30)
    module = build(resolved(modified)["data"], "data")
    module.setup()
    assert module.original_module is module.original
    assert len(module.dataset) == 1024


def test_what_the_user_says_of_the_original_counts_and_is_held_against_the_folder(config, panels):
    words = ["data=modified", f"data.path='{panels}'", "data.original.amplitude=0.2"]
    module = build(resolved(config(*with_originals(words)))["data"], "data")
    with pytest.raises(ConfigError, match=r"amplitude=0.2 \(not 0.1\)"):
        module.setup()
    words = ["data=modified", f"data.path='{panels}'", "data.original=tiny"]
    module = build(resolved(config(*with_originals(words)))["data"], "data")
    with pytest.raises(ConfigError, match=r"data\.original=tiny was given"):
        module.setup()


def test_options_that_are_texts_lists_and_null_reach_the_original(config, tmp_path):
    arrays.write(tmp_path)
    place = tmp_path / "it's {a} name, of 1=1"
    place.mkdir()
    shutil.copy(arrays.path(tmp_path), place / "own.npz")
    original = ArraysDataModule(
        path=place / "own.npz",
        factor_values="latents",
        factor_names=["column", "row", "brightness"],
        factor_kinds=["ordinal", "ordinal", "circular"],
        data_dir=tmp_path,
    )
    folder = write(tmp_path / "m", original)
    words = with_originals(["data=modified", f"data.path='{folder}'", f"data_dir='{tmp_path}'"])
    composed = config(*words)
    check(composed)
    module = build(resolved(composed)["data"], "data")
    module.setup()
    assert module.original.path == str(place / "own.npz")
    assert module.original.factor_kinds == ["ordinal", "ordinal", "circular"]
    assert module.original.black is None
    assert module.factors.names == ("column", "row", "brightness")


def test_of_a_sweep_over_folders_what_all_have_is_said(panels, tmp_path):
    other = write(tmp_path / "other", PanelsDataModule(amplitude=0.1, turn=10))
    tiny = write(tmp_path / "tiny", TinySquaresDataModule())
    words = with_originals(["data=modified", f"data.path='{panels}','{other}'"], swept=True)
    assert "data@data.original=panels" in words
    assert "data.original.amplitude=0.1" in words
    assert not any("turn" in word for word in words)
    words = ["data=modified", f"data.path='{panels}','{tiny}'"]
    assert with_originals(words, swept=True) == words


@pytest.mark.parametrize(
    "words",
    [
        ["data=modified"],
        ["data=modified", "data.path=nowhere"],
        ["data=modified", "data.path=", "-m"],
        ["data=panels", "data.turn=45"],
        ["model=vae"],
        ["data=uniform_noise", "data.epsilon=0.2"],
        ["data=uniform_noise", "data.original=null"],
    ],
)
def test_other_words_stay_as_they_are(words):
    assert with_originals(words) == words


def test_options_that_the_original_does_not_take_are_no_words(panels, tmp_path):
    """The job tells of them; as words on the command line they would be the user's mistake."""
    folder = shutil.copytree(panels, tmp_path / "strange")
    about = json.loads((folder / "modified.json").read_text())
    about["original"]["options"] |= {"_target_": "os.system"}
    rest = {key: value for key, value in about.items() if key != "checksum"}
    about["checksum"] = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    (folder / "modified.json").write_text(json.dumps(about))
    words = ["data=modified", f"data.path='{folder}'"]
    assert with_originals(words) == words
    with pytest.raises(ConfigError, match="panels takes no '_target_'"):
        _ = ModifiedDataModule(path=folder).factors


def test_noise_needs_an_original(config):
    plain = resolved(config("data=uniform_noise", "data.original=null"))
    with pytest.raises(
        ConfigError, match=r"data\.original: none was given; say data\.original=NAME"
    ):
        _ = build(plain["data"], "data").factors


def test_an_unknown_original_is_refused_with_the_names_that_are(config):
    with pytest.raises(HydraException, match="data/panelz"):
        config(*with_originals(["data=uniform_noise", "data.original=panelz"]))


def test_noise_may_be_added_to_a_modified_set(config, panels):
    words = ["data=uniform_noise", "data.original=modified", f"data.original.path='{panels}'"]
    composed = config(*with_originals(words))
    check(composed)
    module = build(resolved(composed)["data"], "data")
    module.setup()
    assert "plus the images of panels" in module.dataset.source
    assert "plus uniform noise" in module.dataset.source
