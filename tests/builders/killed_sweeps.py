"""A sweep of four short trainings as a process of its own, to be killed and compared."""

import json
import os
import signal
import time

import psutil
import torch

from builders.warm_processes import SMALL, WarmProcess
from vaescope.cli import main

WORDS = (
    *("train", "-m", "experiment=tiny", "network=linear", "latent_dim=2", "logger=[csv]"),
    *("model=vae,beta_vae", "seed=0,1", "callbacks=[evaluation,checkpoint]"),
    *("callbacks.evaluation.every_n_steps=100", "callbacks.checkpoint.every_n_steps=10"),
    *("trainer.max_steps=150", "trainer.accelerator=cpu", "trainer.precision=32-true"),
    "statistics=[latents]",
)
TWO = tuple("model=vae" if word == "model=vae,beta_vae" else word for word in WORDS)  # its first


def start(folder, *words, enter=None):
    """``vaescope WORDS`` in a folder; ``enter`` is called first, there."""
    return WarmProcess(_command, words, enter, cwd=folder, env=os.environ | SMALL)


def _command(words, enter):
    if enter is not None:
        enter()
    main(list(words))


def run(folder, *words, code=0, enter=None):
    process = start(folder, *words, enter=enter)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == code, told
    return told


def is_alive(pid):
    """Whether a process runs; one that has ended may stay in the table until its parent asks."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid, seconds=10):
    until = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


def at_work(sweep, but=None):
    """The process of a job that has kept a state, and its folder."""
    for job in sorted(each for each in sweep.glob("*/") if each != but):
        try:
            pid = int((job / ".lock").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if not is_alive(pid):  # one that was killed leaves its lock behind
            continue
        if (job / "checkpoints" / "last.ckpt").is_file() and not (job / "scores.json").exists():
            return pid, job
    return None


def wait_for(condition, process, seconds=400):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.printed()
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def num_finished(sweep):
    return len(list(sweep.glob("*/report.html")))


def content(job):
    state = torch.load(job / "checkpoints" / "last.ckpt", weights_only=True)
    rows = json.loads((job / "scores.json").read_text())["rows"]
    return state["global_step"], state["state_dict"], rows


def lines(sweep):
    """What is on record of a sweep."""
    return [json.loads(line) for line in (sweep / "jobs.jsonl").read_text().splitlines()]


def same(sweep, straight, jobs=4):
    """Whether the jobs of a sweep are the first ones of another, to the bit."""
    for job in map(str, range(jobs)):
        (step, weights, rows), (other_step, others, other_rows) = map(
            content, (sweep / job, straight / job)
        )
        assert (step, rows) == (other_step, other_rows)
        assert all(torch.equal(weights[name], others[name]) for name in weights)
    rows = [json.loads((each / "scores.json").read_text())["rows"] for each in (sweep, straight)]
    assert rows[0] == rows[1][:jobs]
    records = [line["job"] for line in lines(sweep) if "job" in line]
    assert [record["number"] for record in records] == list(range(jobs))
    assert len({record["identity"] for record in records}) == jobs


def stopped_in_order(folder, *words):
    """A sweep whose launcher gets SIGTERM while a job is at work."""
    sweep = folder / "s"
    process = start(folder, *TWO, *words, "hydra.sweep.dir=s")
    pid, _ = wait_for(lambda: at_work(sweep), process)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 143
    assert f"the sweep goes on with: vaescope sweep resume {sweep}" in told
    assert ends(pid)
    assert not list(sweep.glob("*/.lock"))
    return sweep
