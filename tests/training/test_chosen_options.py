"""What the data set, the method or nobody chooses for the user is told once; ``debug=smoke``."""

import json

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from vaescope.api.runs import load
from vaescope.config.choices import open_network
from vaescope.config.loading import config_dir, register_schemas

BARE = ("trainer.max_steps=1", "callbacks=[]", "logger=[]", "statistics=[]", "threads=1")
POINTS = ("data=synthetic_linear", "data.num_points=100")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            (*POINTS, "model=ada_gvae"),
            "network=mlp_60_40_20, likelihood=gaussian, trainer=float32: because "
            "data=synthetic_linear has vectors of 3 numbers; view=pairs_locatello: because "
            "model=ada_gvae needs it",
        ),
        (
            (*POINTS, "network=linear", "trainer.precision=32-true"),
            "likelihood=gaussian: because data=synthetic_linear has vectors of 3 numbers",
        ),
        (("data=digits",), "network=mlp_400_500: because data=digits has images of 1 x 8 x 8"),
        (("experiment=tiny", "network=linear"), None),
        (("experiment=tiny", "network=linear", "schedule_steps=${trainer.max_steps}"), None),
        (("experiment=synthetic_linear", "data.num_points=100"), None),
    ],
)
def test_one_line_says_what_was_chosen_for_the_user(command, tmp_path, words, line):
    command("train", *words, *BARE, "trainer.accelerator=cpu", "hydra.run.dir=run")
    log = (tmp_path / "run" / "train.log").read_text()
    told = [each for each in log.splitlines() if "because" in each]
    assert len(told) == (line is not None)
    assert line is None or line in told[0]


def test_smoke_does_everything_once(command, tmp_path):
    words = ("experiment=tiny", "network=linear", "debug=smoke", "threads=1")
    command("train", *words, "trainer.accelerator=cpu", "hydra.run.dir=run")
    run = tmp_path / "run"
    for name in ("checkpoints/last.ckpt", "traversals.png", "reconstructions.png", "report.html"):
        assert (run / name).stat().st_size > 0, name
    (row,) = json.loads((run / "scores.json").read_text())["rows"]
    assert row["step"] == 4
    assert "test/mig" in row
    assert (run / "metrics.csv").read_text().count("\n") > 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("data=arrays",), "data=arrays"),
        (("data=dsprites", "network.initialisation=torch"), "data=dsprites"),
        (("data=arrays", "network=conv64"), None),
        (("data=digits",), None),
        (("experiment=icml2021_table1_shapes3d_beta_vae",), None),
        (("experiment=mine", "hydra.searchpath=[file://{}]"), None),
    ],
)
def test_a_network_is_open_where_neither_user_nor_file_names_it(
    tmp_path, monkeypatch, words, found
):
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /network: conv64\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    register_schemas()
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    with initialize_config_dir(config_dir(), version_base="1.3"):
        words = [word.format(tmp_path) for word in words]
        HydraConfig.instance().set_config(compose("train", words, return_hydra_config=True))
        assert open_network() == found


@pytest.fixture
def photographs(tmp_path):
    """A user's file of 20 x 24 images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 20, 24), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, factors=rng.integers(0, 3, (60, 2)))
    return ("data=arrays", "data.path=mine.npz", "data.images=images", "data.batch_size=8")


def test_images_that_the_default_network_does_not_take_get_one_that_does(
    command, tmp_path, photographs
):
    """What was built is on file: the run goes on, and is loaded, as if it had been named."""
    bare = ("logger=[]", "statistics=[]", "callbacks=[checkpoint]", "threads=1")
    words = (*photographs, *bare, "trainer.accelerator=cpu", "trainer.max_steps=2")
    command("train", *words, "network.initialisation=torch", "hydra.run.dir=run")
    told = "network=conv: because data=arrays has images of 1 x 20 x 24 pixels"
    assert (tmp_path / "run" / "train.log").read_text().count(told) == 1
    settings = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert settings["network"]["_target_"] == "vaescope.networks.conv"
    assert settings["network"]["initialisation"] == "torch"
    command("train", "resume=run", "trainer.max_steps=3")
    assert load(tmp_path / "run").model.image_shape == (1, 20, 24)
    named = command("train", *words, "network=conv64", "hydra.run.dir=named", code=1)
    assert "network conv64 takes images [C, 64, 64]" in named.err
    assert "choose network=conv" in named.err
