"""Data that lie elsewhere than when a run was made; jobs that Hydra moves into their folders."""

import json
import shutil

import numpy as np
import pytest
import torch

from vaescope.data import ArraysDataModule, write_modified

pytestmark = pytest.mark.usefixtures("no_figures")  # nobody reads them

SMALL = (
    *("network=linear", "latent_dim=2", "logger=[csv]", "threads=1", "trainer.accelerator=cpu"),
    *("statistics=[disentanglement]", "trainer.max_steps=2", "callbacks=[checkpoint]"),
)
EVALUATE = (
    *("evaluate", "checkpoint=run/checkpoints/last.ckpt", "statistics=[disentanglement]"),
    "threads=1",
)


def own_data(folder):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    np.save(folder / "a.npy", rng.integers(0, 256, (120, 8, 8), dtype=np.uint8))
    table = "\n".join(f"{i % 3},{i % 4}" for i in range(120))
    (folder / "f.csv").write_text(f"x,y\n{table}\n")


def scores(folder):
    (row,) = json.loads((folder / "scores.json").read_text())["rows"]
    return {key: value for key, value in row.items() if key.startswith("test/")}


@pytest.fixture
def run(command, tmp_path):
    own_data(tmp_path / "old")
    words = ("data=arrays", "data.path=old/a.npy", "data.factor_values=old/f.csv", "data_dir=cache")
    command("train", *words, *SMALL, "hydra.run.dir=run")
    return tmp_path / "run"


def test_moved_files_are_named_to_evaluate_as_to_resume(run, command, tmp_path):
    (tmp_path / "old").rename(tmp_path / "new")
    told = command(*EVALUATE, "hydra.run.dir=e0", code=1)
    assert "if it was moved, say data.path=NEW" in told.err
    moved = ("data.path=new/a.npy", "data.factor_values=new/f.csv")
    command(*EVALUATE, *moved, "hydra.run.dir=e1")
    assert scores(tmp_path / "e1") == pytest.approx(scores(run))
    command(*EVALUATE, *moved, "hydra.run.dir=e2", "data_dir=elsewhere", "hydra.job.chdir=true")
    assert scores(tmp_path / "e2") == pytest.approx(scores(run))
    assert (tmp_path / "e2" / "scores.json").is_file()
    command("train", "resume=run", "trainer.max_steps=3", *moved)
    shutil.move(tmp_path / "run", tmp_path / "away")
    command("train", "resume=away", "trainer.max_steps=4", "hydra.job.chdir=true", *moved)
    assert json.loads((tmp_path / "away" / "scores.json").read_text())["rows"][0]["step"] == 4


def test_a_modified_set_and_its_original_may_be_moved(command, tmp_path):
    own_data(tmp_path / "old")
    original = ArraysDataModule(
        path=tmp_path / "old/a.npy", factor_values="f.csv", data_dir=tmp_path / "cache"
    )
    write_modified(
        tmp_path / "old/set", original, lambda v, r: torch.ones(len(r), 1, 8, 8), 0.1, {}
    )
    words = ("data=modified", "data.path=old/set", "data.shuffle_seed=1", "data_dir=cache")
    command("train", *words, *SMALL, "hydra.run.dir=run")
    (tmp_path / "old").rename(tmp_path / "new")
    told = command(*EVALUATE, "hydra.run.dir=e0", code=1)
    assert "if it was moved, say data.path=NEW" in told.err
    moved = ("data.path=new/set", "data.original.path=new/a.npy")
    command(*EVALUATE, *moved, "hydra.run.dir=e1")
    assert scores(tmp_path / "e1") == pytest.approx(scores(tmp_path / "run"))
    command("train", "resume=run", "trainer.max_steps=3", *moved)


def test_data_without_such_files_say_so(command, tmp_path):
    command("train", "experiment=tiny", *SMALL, "hydra.run.dir=run")
    told = command(*EVALUATE, "data.path=a.npy", code=1).err
    assert "data.path=a.npy was given, but the run's data, TinySquaresDataModule, have no" in told
    told = command(*EVALUATE, "data.original.path=a.npy", code=1).err
    assert "data.original.path=a.npy was given, but the run's data, without an original" in told
    told = command(*EVALUATE, "data.size=3", code=1).err
    assert "there is no 'data.size'; it takes factor_values, original, path" in told


def test_names_are_relative_to_the_folder_of_the_command(command, tmp_path):
    own_data(tmp_path / "old")
    chdir = "hydra.job.chdir=true"
    words = ("data=arrays", "data.path=old/a.npy", "data.factor_values=old/f.csv", "data_dir=cache")
    command("train", *words, *SMALL, "hydra.run.dir=run", chdir)
    last = "run/checkpoints/last.ckpt"
    assert (tmp_path / last).is_file()
    command(
        "evaluate", f"checkpoint={last}", "metrics=[mig]", chdir, "hydra.run.dir=e", "threads=1"
    )
    np.savez(
        tmp_path / "c.npz",
        codes=np.random.default_rng(0).random((99, 2)),
        factors=np.arange(99)[:, None] % 3,
    )
    command("evaluate", "codes=c.npz", "metrics=[mig]", chdir, "hydra.run.dir=c", "threads=1")
    command("report", "runs=[run]", "output_dir=out", "scores=[mig]", chdir)
    assert (tmp_path / "out" / "report.html").is_file()
    command("train", "resume=run", "trainer.max_steps=3", chdir)
    command(
        *("train", "-m", *words, *SMALL, chdir, "hydra.sweep.dir=sweep"),
        *("hydra.sweep.subdir=${hydra.job.override_dirname}", "seed=0,1"),
    )
    about = json.loads((tmp_path / "sweep" / "scores.json").read_text())["about"]
    assert about == {"jobs": 2, "finished": 2}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("c", "c.npz", "e", "old", "out", "run", "sweep"),
    ]
