"""Runs on a user's own files."""

import json

import numpy as np
import pytest

from vaescope.errors import ConfigError, DataError
from vaescope.experiment.evaluation import evaluate
from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

QUIET = ("trainer.max_steps=4", "callbacks.evaluation.every_n_steps=4", "data.batch_size=8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, with vectors and two factors in it."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (80, 2))
    np.savez(tmp_path / "mine.npz", x=rng.normal(size=(80, 5)), v=factors)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(*more):
    return ("data=arrays", "data.path=mine.npz", "data.images=x", "data.factor_values=v", *more)


def test_vectors_outside_the_unit_interval_are_no_coins(tiny, here):
    with pytest.raises(ConfigError, match=r"observations in \[0, 1\].*choose likelihood=gaussian"):
        train(tiny(here / "run", *words(*QUIET)))
    with pytest.raises(ConfigError, match="choose likelihood=gaussian"):
        train(tiny(here / "all", *words(*QUIET, "ensemble.size=2")))


def test_a_run_finds_its_file_from_another_folder(tiny, config, here, monkeypatch):
    rows = train(tiny(here / "run", *words(*QUIET, "likelihood=gaussian")))
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    checkpoint = f"checkpoint='{here}/run/checkpoints/last.ckpt'"
    again = evaluate(config(checkpoint, "split=test", f"output_dir='{here}/e'", name="evaluate"))
    assert again[0]["test/loss"] == pytest.approx(rows[0]["test/loss"])


def test_factors_of_very_many_values_need_no_table_of_all_pairs(tiny, here):
    ids = np.random.default_rng(1).permutation(20_000)
    np.savez("ids.npz", x=np.zeros((20_000, 3)), v=np.stack([ids, ids[::-1]], 1))
    train(tiny(here / "run", *words(*QUIET, "data.path=ids.npz", "likelihood=gaussian")))
    found = json.loads((here / "run" / "factors.json").read_text())
    nats = np.log(found["rows"]["train"])
    assert list(found["entropy"].values()) == pytest.approx([nats, nats])
    assert np.allclose(found["mutual_information"], nats)


def test_a_data_folder_that_is_a_file_is_told(tiny, here):
    (here / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be made.*choose another folder"):
        train(tiny(here / "run", *QUIET, "data=shapes3d_like", f"data_dir='{here}/file'"))
