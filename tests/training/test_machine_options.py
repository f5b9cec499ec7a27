"""Options of the machine do not change the numbers."""

import json

import pytest
import torch
import torch._dynamo.utils

from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

STEPS = ("trainer.max_steps=6", "trainer=float32", "callbacks=[evaluation,checkpoint]")


def curve(config, folder, *words):
    folder.mkdir()
    overrides = (
        "experiment=tiny",
        "logger=[]",
        "threads=1",
        *STEPS,
        *words,
        f"output_dir='{folder}'",
    )
    train(config("latent_dim=3", *overrides))
    return json.loads((folder / "scores.json").read_text())["rows"][0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses its own
def test_a_compiled_run_is_compiled_and_gives_the_same_scores(config, tmp_path):
    torch._dynamo.utils.counters.clear()
    plain = curve(config, tmp_path / "plain")
    assert not torch._dynamo.utils.counters["stats"]
    compiled = curve(config, tmp_path / "compiled", "compile=true")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert compiled["test/loss"] == pytest.approx(plain["test/loss"], rel=1e-4)


def test_memory_layout_does_not_change_the_scores(config, tmp_path):
    last = curve(config, tmp_path / "last", "channels_last=true")
    first = curve(config, tmp_path / "first", "channels_last=false")
    assert last["test/loss"] == pytest.approx(first["test/loss"], rel=1e-4)


def test_number_of_workers_does_not_change_the_scores(config, tmp_path):
    none = curve(config, tmp_path / "none", "data.num_workers=0")
    two = curve(config, tmp_path / "two", "data.num_workers=2")
    assert none == two
