"""A run on several devices gives the numbers of one with so many times the batch."""

import csv
import json
import os

import pytest

from builders.warm_processes import WarmProcess
from vaescope.callbacks import Evaluation
from vaescope.cli import main
from vaescope.errors import ProcessFailedError
from vaescope.experiment import leading
from vaescope.experiment.training import train

# in double precision the other order of a sum is below 1e-12, and Adam does not enlarge it
EXACT = ("trainer.precision=64-true", "callbacks.checkpoint.every_n_steps=4", "model=vae")
EXACT += ("scheduler=cosine", "ema.decay=0.9", "trainer.gradient_clip_val=0.5")
SMALL = ("experiment=tiny", "logger=[csv]", "threads=1", "trainer.accelerator=cpu")
ONE = ("trainer.devices=1", "data.batch_size=16")
TWO = ("trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=8")


def curve(folder):
    """Numbers of ``metrics.csv`` by step, but for speeds."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["step"], key): float(value)
        for row in rows
        for key, value in row.items()
        if value and key.startswith(("train/", "val/", "test/")) and "per_second" not in key
    }


@pytest.mark.usefixtures("no_figures")
def test_two_devices_are_one_with_twice_the_batch(tiny, tmp_path):
    """Also where a run goes on with another number of devices than it began with."""
    one, two = tmp_path / "one", tmp_path / "two"
    train(tiny(one, *EXACT, *ONE, "trainer.max_steps=12"))
    for devices, steps in ((ONE, 4), (TWO, 8), (ONE, 12)):
        resumed = [f"resume='{two}'"] if steps > 4 else []
        train(tiny(two, *EXACT, *devices, f"trainer.max_steps={steps}", *resumed))
    wanted, found = curve(one), curve(two)
    assert {step for step, _ in wanted} >= {str(step) for step in range(1, 13)}
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    files = [
        {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        for folder in (one, two)
    ]
    assert files[0] == files[1]
    assert not (two / "error.txt").exists()


@pytest.mark.usefixtures("no_figures")
def test_a_device_that_fails_ends_the_run_with_one_error(tiny, tmp_path, monkeypatch):
    started = []
    start = leading.Followers._start
    monkeypatch.setattr(
        leading.Followers, "_start", lambda self, rank: started.append(self) or start(self, rank)
    )
    update = Evaluation.on_update

    def kill_later(self, trainer, module, outputs=None):
        if trainer.global_step == 5:
            started[0]._processes[1].kill()
        update(self, trainer, module, outputs)

    monkeypatch.setattr(Evaluation, "on_update", kill_later)
    with pytest.raises(ProcessFailedError) as end:
        train(tiny(tmp_path, *TWO, "trainer.max_steps=20", "model=beta_tc_vae"))
    told = str(end.value)
    assert told.startswith("device 2 of 2 failed: its process ended with SIGKILL; go on with:")
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def lead_in_vain(words):
    """Run a command whose other device does not answer."""
    leading.PATIENCE = 0.5
    leading.PROGRAM = "input(); raise RuntimeError('a cable is loose')"
    main(words)


def test_a_leader_that_waits_for_a_device_in_vain_ends_too(tmp_path):
    words = ["train", *SMALL, *TWO, f"hydra.run.dir={tmp_path}/run"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = WarmProcess(lead_in_vain, words, cwd=tmp_path, env=environment)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    told = "device 2 of 2 failed: RuntimeError: a cable is loose; start again with the same command"
    assert printed.count(told) == 1
    assert "a cable is loose" in (tmp_path / "run" / "error.txt").read_text(encoding="utf-8")


def test_followers_are_told_plain_values(tiny, tmp_path):
    order = leading.Followers({"ranks": 2, "plain": {}}, tmp_path).order
    assert json.loads(json.dumps(order)) == order


def test_a_sweep_of_several_devices_is_refused_before_a_job_is_made(command, tmp_path):
    told = command("train", "-m", *SMALL, *TWO, "seed=0,1", "hydra.sweep.dir=sweep", code=1)
    assert told.err.count("2 devices cannot be given to each job of a sweep") == 1
    assert not (tmp_path / "sweep" / "jobs.jsonl").exists()
