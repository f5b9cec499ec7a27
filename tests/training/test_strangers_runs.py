"""Whole runs that a stranger has tampered with, and one's own with one's own code."""

import json
import os

import pytest
import torch
import yaml

from vaescope.experiment.training import train

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

OWN_NET = """
from vaescope.networks import mlp
def net(*args, **named):
    return mlp(*args, **named)
"""


def test_own_code_needs_to_be_named_and_a_hydra_section_is_ignored(
    tiny, tmp_path, shell, monkeypatch
):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mylab_networks.py").write_text(OWN_NET)
    monkeypatch.syspath_prepend(tmp_path / "own")
    run, mark = tmp_path / "run", tmp_path / "mark"
    words = ("network._target_=mylab_networks.net", "statistics=[latents]", "~callbacks.pictures")
    train(tiny(run, *words, "trainer.max_steps=4"))
    opened = {"_target_": "builtins.open", "_args_": [str(mark), "w"]}
    handler = {"class": "logging.FileHandler", "filename": str(mark)}
    stored = yaml.safe_load((run / "config.yaml").read_text())
    stored["hydra"] = {
        "callbacks": {"x": opened},
        "launcher": dict(opened, _args_=[str(mark), "a"]),
        "job_logging": {"version": 1, "handlers": {"x": handler}, "root": {"handlers": ["x"]}},
    }
    (run / "config.yaml").write_text(yaml.safe_dump(stored))
    before = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "own"), *before])}
    refused = shell("train", f"resume={run}", "trainer.max_steps=6", code=2, **path)
    assert "mylab_networks.net in network" in refused.stderr
    assert "trust=[mylab]" in refused.stderr
    shell("train", f"resume={run}", "trainer.max_steps=6", "trust=[mylab_networks]", **path)
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 6
    assert not mark.exists()
    checkpoint = (f"checkpoint={run}/checkpoints/last.ckpt", "statistics=[latents]")
    refused = shell("evaluate", *checkpoint, code=1, **path)
    assert "mylab_networks.net in network" in refused.stderr
    assert "Traceback" not in refused.stderr
    shell("evaluate", *checkpoint, "trust=[mylab_networks]", "hydra.run.dir=again", **path)
    assert json.loads((tmp_path / "again" / "scores.json").read_text())["rows"][0]["step"] == 6


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_a_checkpoint_does_not_have_folders_deleted(tiny, tmp_path):
    """ModelCheckpoint takes from its state which file is the worst, and removes that."""
    run, other = tmp_path / "run", tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    keeper = (
        "+callbacks.own={_target_: pytorch_lightning.callbacks.ModelCheckpoint, monitor: step, "
        f"dirpath: '{run}/own', every_n_train_steps: 1, save_top_k: 1, mode: max}}"
    )
    words = (keeper, "statistics=[latents]", "~callbacks.pictures")
    train(tiny(run, *words, "trainer.max_steps=4"))
    last = run / "checkpoints" / "last.ckpt"
    saved = torch.load(last, weights_only=True)
    state = next(s for name, s in saved["callbacks"].items() if name.startswith("ModelCheckpoint"))
    worst, low = f"{run}/own/../../other", torch.tensor(-1e9)
    state |= {"best_k_models": {worst: low}, "kth_best_model_path": worst, "kth_value": low}
    torch.save(saved, last)
    train(tiny(run, *words, "trainer.max_steps=6", f"resume='{run}'"))
    assert (other / "thesis.tex").read_text() == "years of work"
    assert [path.name for path in (run / "own").glob("*step=6.ckpt")] == ["epoch=1-step=6.ckpt"]
