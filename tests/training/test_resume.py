"""A run that was stopped and resumed is the unbroken run."""

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch

from builders.figures import undrawn
from builders.thinned import thinned
from builders.warm_processes import WarmProcess
from vaescope.config.loading import config_dir, register_schemas
from vaescope.errors import DataError
from vaescope.experiment.training import train

METHODS = {
    "beta_vae": ("model.initial_beta=20", "model.anneal_steps=12"),
    "vae": ("posterior=full",),
    "autoencoder": ("optimizer=adagrad",),
}


def saved(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def rows(folder):
    """Everything logged but the speed, by step; rows without numbers left out."""
    with (folder / "metrics.csv").open(newline="") as file:
        table = {
            int(row["step"]): {k: v for k, v in row.items() if v and "per_second" not in k}
            for row in csv.DictReader(file)
        }
    return {step: row for step, row in table.items() if len(row) > 1}


def equal_states(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return tmp_path_factory.mktemp("unbroken")


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("stop", [7, 10, 19])  # between checkpoints, at one, past an epoch (9)
@pytest.mark.parametrize("method", METHODS)
def test_resumed_run_equals_unbroken_run(tiny, unbroken, tmp_path, method, stop):
    words = (f"model={method}", *METHODS[method])
    whole, broken = unbroken / method, tmp_path / "broken"
    if not whole.exists():
        train(tiny(whole, *words, "trainer.max_steps=23"))
    train(tiny(broken, *words, f"trainer.max_steps={stop}"))
    train(tiny(broken, *words, "trainer.max_steps=23", f"resume='{broken}'"))
    a, b = saved(whole), saved(broken)
    assert a["global_step"] == b["global_step"] == 23
    assert equal_states(a["state_dict"], b["state_dict"])
    assert a["optimizer_states"][0]["state"].keys() == b["optimizer_states"][0]["state"].keys()
    assert a["callbacks"] == b["callbacks"]
    logged, again = rows(whole), rows(broken)
    training = {
        step: {k: v for k, v in row.items() if "train/" in k} for step, row in logged.items()
    }
    for step, row in training.items():
        assert {k: v for k, v in again[step].items() if "train/" in k} == row


EVERY_METHOD = sorted(path.stem for path in (Path(config_dir()) / "model").glob("*.yaml"))
SMALLER = {"enc_diff": ("model.channels=8", "model.num_steps=1", "data.batch_size=8")}  # is slow


@pytest.mark.parametrize("method", thinned(EVERY_METHOD))
def test_every_method_resumes_exactly(tiny, tmp_path, method):
    words = (f"model={method}", *SMALLER.get(method, ()), "statistics=[latents]")
    words = (*words, "~callbacks.evaluation")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with undrawn():
        train(tiny(whole, *words, "trainer.max_steps=11"))  # past an epoch (9)
        train(tiny(broken, *words, "trainer.max_steps=4"))
    train(tiny(broken, *words, "trainer.max_steps=11", f"resume='{broken}'"))
    assert equal_states(saved(whole)["state_dict"], saved(broken)["state_dict"])
    moments = [saved(folder)["optimizer_states"][0]["state"] for folder in (whole, broken)]
    for number, state in moments[0].items():
        assert all(torch.equal(state[name], moments[1][number][name]) for name in state)


@pytest.mark.usefixtures("no_figures")
def test_same_seed_gives_the_same_numbers_and_another_seed_others(tiny, tmp_path):
    runs = {name: tmp_path / name for name in ("a", "b", "c")}
    for name, folder in runs.items():
        train(tiny(folder, "trainer.max_steps=12", f"seed={int(name == 'c')}"))
    a, b, c = (saved(folder)["state_dict"] for folder in runs.values())
    assert equal_states(a, b)
    assert not equal_states(a, c)
    assert rows(runs["a"]) == rows(runs["b"])


@pytest.mark.usefixtures("no_figures")
def test_resume_on_the_command_line(tiny, tmp_path, shell):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny(whole, "trainer.max_steps=12"))
    train(tiny(broken, "trainer.max_steps=6"))
    shell("train", f"resume={broken}", "trainer.max_steps=12")
    assert equal_states(saved(whole)["state_dict"], saved(broken)["state_dict"])
    refused = shell("train", f"resume={broken}", code=1)
    assert "has all its 12 steps" in refused.stderr
    assert not (broken / "error.txt").exists()


def train_until_half_written(config):
    """Train; this process is killed while it writes its third checkpoint."""
    register_schemas()
    whole, written = torch.save, []

    def save(content, file):
        written.append(1)
        if len(written) == 3:
            file.write(b"half a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        whole(content, file)

    torch.save = save
    train(config)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_kill_while_a_checkpoint_is_written_loses_one_interval(tiny, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = ("trainer.max_steps=23",)
    train(tiny(whole, *words))
    config = tiny(killed, *words)
    process = WarmProcess(train_until_half_written, config, cwd=tmp_path, env=os.environ)
    told = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, told
    assert saved(killed)["global_step"] == 10  # the third writing was to be at 15
    train(tiny(killed, *words, f"resume='{killed}'"))
    assert equal_states(saved(whole)["state_dict"], saved(killed)["state_dict"])
    assert rows(killed) == rows(whole)
    assert sorted(p.name for p in (killed / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.usefixtures("no_figures")
def test_moved_run_goes_on_where_it_is_now(tiny, tmp_path, process):
    old, new = tmp_path / "old", tmp_path / "new"
    train(tiny(old, "trainer.max_steps=6"))
    before = {p: p.stat().st_mtime_ns for p in old.rglob("*") if p.is_file()}
    shutil.copytree(old, new)
    process("train", f"resume={new}", "trainer.max_steps=12")
    assert saved(new)["global_step"] == 12
    assert before == {p: p.stat().st_mtime_ns for p in old.rglob("*") if p.is_file()}
    assert len(json.loads((new / "environment.json").read_text())) == 2  # one entry a session


def test_run_that_died_before_its_scores_is_finished(tiny, tmp_path):
    row = train(tiny(tmp_path, "trainer.max_steps=6"))[0]
    for name in ("scores.json", "report.html", "traversals.png"):
        (tmp_path / name).unlink()
    assert train(tiny(tmp_path, "trainer.max_steps=6", f"resume='{tmp_path}'"))[0] == row
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "traversals.png").is_file()


@pytest.mark.usefixtures("no_figures")
def test_accumulated_gradients_resume_too_and_are_looked_at_once(tiny, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = ("trainer.accumulate_grad_batches=2", "trainer=float32")
    train(tiny(whole, *words, "trainer.max_steps=13"))
    train(tiny(broken, *words, "trainer.max_steps=10"))
    train(tiny(broken, *words, "trainer.max_steps=13", f"resume='{broken}'"))
    assert equal_states(saved(whole)["state_dict"], saved(broken)["state_dict"])
    history = saved(whole)["callbacks"]["Evaluation"]["history"]
    assert [look["step"] for look in history] == [0, 5, 10, 13]


@pytest.mark.usefixtures("no_figures")
def test_damaged_checkpoint_is_named(tiny, tmp_path):
    train(tiny(tmp_path, "trainer.max_steps=5"))
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    with pytest.raises(DataError, match="not a whole checkpoint"):
        train(tiny(tmp_path, "trainer.max_steps=9", f"resume='{tmp_path}'"))
