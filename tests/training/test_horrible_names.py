"""Folders and files with signs in their names that some language reads; started in-process."""

import json
import os

import numpy as np
import pytest

NAME = 'it\'s <b>a=1,b</b> $y$ [_x] {z} 100% #1 "q" \\ 日本 é & [/red]'
SMALL = (
    *("network=linear", "latent_dim=2", "logger=[csv]", "threads=1", "trainer.accelerator=cpu"),
    *("statistics=[latents]", "callbacks.progress.bar=false", "trainer.max_steps=2"),
)


def test_a_run_its_continuation_its_evaluation_and_its_report(command, tmp_path):
    here = tmp_path / NAME
    here.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8)
    np.save(here / f"{NAME.replace('/', '')}.npy", pixels)
    (data,) = here.glob("*.npy")
    run, out = here / "run", here / "again"
    words = ("data=arrays", f"data.path={data}", f"data_dir={here / 'cache'}", *SMALL)
    command("train", *words, f"hydra.run.dir={run}")
    assert (run / "report.html").is_file()
    assert "<b>" not in (run / "report.html").read_text()
    told = command("train", f"resume={run}", "trainer.max_steps=3")
    assert f"{run}: test part" in told.out
    assert json.loads((run / "scores.json").read_text())["rows"][0]["step"] == 3
    last = run / "checkpoints" / "last.ckpt"
    told = command(
        *("evaluate", f"checkpoint={last}", "statistics=[latents]", f"hydra.run.dir={out}"),
        "num_samples=9",
    )
    assert f"{last}: test part" in told.out
    assert json.loads((out / "scores.json").read_text())["rows"][0]["num_samples"] == 9
    command("report", f"runs=[{run}]", f"output_dir={here / 'compared'}", "scores=[loss]")
    content = json.loads((here / "compared" / "comparison.json").read_text())
    assert content["groups"][0]["runs"] == [str(run)]
    assert content["groups"][0]["seeds"] == [0]


def test_pages_and_pictures_of_a_data_set(command, tmp_path):
    np.savez(
        tmp_path / "a $x^$ b.npz",
        images=np.random.default_rng(0).random((64, 5)).astype(np.float32),
        factors=np.random.default_rng(1).integers(0, 4, (64, 2)),
    )
    words = (
        *("data=arrays", "data.path=a $x^$ b.npz", "data.images=images", "network=mlp"),
        *("data.factor_values=factors", "likelihood=gaussian", "num_images=4"),
        "data.factor_names=['$\\\\frac{$<b>','_y [/red] 日本']",
    )
    command("data", "show", *words, "num_statistics=20", "output_dir=$shown$")
    page = (tmp_path / "$shown$" / "data.html").read_text()
    assert "<b>" not in page
    command("data", "render", *words, "output_dir=out=1")
    assert (tmp_path / "out=1" / "images.png").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hydra.run.dir=a\nb"], "has control characters in it"),
        ([f"data_dir={os.fsdecode(b'caf') + chr(0xDCE9)}"], "is not UTF-8"),
        (["data.path='a\\${x}'"], "would be taken for a link"),
        (["hydra.run.dir='\\${x}'"], "would be taken for a link"),
    ],
)
def test_names_that_no_record_can_hold_are_refused(command, tmp_path, words, told):
    assert told in command("train", "experiment=tiny", *words, code=2).err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_hydra_takes_for_a_link_is_refused(command, tmp_path, monkeypatch):
    (tmp_path / "${x}").mkdir()
    monkeypatch.chdir(tmp_path / "${x}")
    assert "would be taken for a link" in command("train", "experiment=tiny", code=2).err


def test_what_a_stranger_wrote_is_text_in_a_comparison(command, tmp_path):
    evil = "<img src=x onerror=alert(1)> [b](javascript:alert(1)) [/red] | `x` $a$ \x1b[31m"
    row = {"seed": 0, "step": 5, "model": evil, "data": evil, "num_samples": 9, evil: 1.0}
    for number in range(6):
        run = tmp_path / "runs" / str(number)
        run.mkdir(parents=True)
        settings = {"_target_": evil, "beta": f"{evil}{number}"}
        config = {"data": {"_target_": evil}, "model": settings, "trainer": {}, "seed": evil}
        (run / "config.yaml").write_text(json.dumps(config))
        scores = {
            "test/mig": 0.1 * number,
            "test/dto_active": 1.0 / (1 + number),
            f"test/{evil}": 1,
        }
        about = {"data_source": evil, "diverged": [{"seed": evil, "step": evil}]}
        (run / "scores.json").write_text(json.dumps({"about": about, "rows": [row | scores]}))
    (run / "scores.json").write_text(json.dumps({"about": about, "rows": [row | {"seed": evil}]}))
    (run / "error.txt").write_text(evil)
    told = command("report", "runs=[runs]", "output_dir=out", "sort=mig")
    assert "\x1b" not in told.out
    assert "[/red]" in told.out
    page, table = (
        (tmp_path / "out" / name).read_text() for name in ("report.html", "comparison.md")
    )
    assert "<img" not in page
    assert "<img" not in table
    assert "[b](javascript" not in table
    assert "&lt;img" in table
    assert "\x1b" not in page + table


def test_a_run_with_an_objective_is_continued(command, tmp_path):
    words = (
        "experiment=tiny",
        *SMALL,
        "callbacks.checkpoint.every_n_steps=1",
        "objective=val/loss",
    )
    command("train", *words, "hydra.run.dir=run")
    command("train", "resume=run", "trainer.max_steps=3")
    rows = json.loads((tmp_path / "run" / "objective.json").read_text())["rows"]
    assert [row["step"] for row in rows] == [3]
