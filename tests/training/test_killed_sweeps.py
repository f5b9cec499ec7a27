"""Sweeps that lose their launcher and a worker are completed by the same command, to the bit."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]
WORDS = (
    *("train", "-m", "experiment=tiny", "network=linear", "latent_dim=2", "logger=[csv]"),
    *("model=vae,beta_vae", "seed=0,1,2", "callbacks=[evaluation,checkpoint]"),
    *("callbacks.evaluation.every_n_steps=100", "callbacks.checkpoint.every_n_steps=10"),
    *("trainer.max_steps=150", "trainer.accelerator=cpu", "trainer.precision=32-true"),
    "statistics=[latents]",
)
FORK = ("hydra/launcher=fork", "hydra.launcher.n_jobs=2")


def start(folder, *words):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "vaescope", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def run(folder, *words, code=0):
    process = start(folder, *words)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == code, told
    return told


def at_work(sweep):
    """The process of a job that has kept a state, and its folder."""
    for job in sorted(sweep.glob("*/")):
        try:
            pid = int((job / ".lock").read_text().split()[1])
            os.kill(pid, 0)  # one that was killed leaves its lock behind
        except (OSError, IndexError, ValueError):
            continue
        if (job / "checkpoints" / "last.ckpt").is_file() and not (job / "scores.json").exists():
            return pid, job
    return None


def wait_for(condition, process, seconds=400):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def num_finished(sweep):
    return len(list(sweep.glob("*/report.html")))


def content(job):
    state = torch.load(job / "checkpoints" / "last.ckpt", weights_only=True)
    rows = json.loads((job / "scores.json").read_text())["rows"]
    return state["global_step"], state["state_dict"], rows


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    run(folder, *WORDS, "hydra.sweep.dir=s")
    return folder / "s"


def same(sweep, straight):
    for job in map(str, range(6)):
        (step, weights, rows), (other_step, others, other_rows) = map(
            content, (sweep / job, straight / job)
        )
        assert (step, rows) == (other_step, other_rows)
        assert all(torch.equal(weights[name], others[name]) for name in weights)
    tables = [json.loads((each / "scores.json").read_text()) for each in (sweep, straight)]
    assert tables[0] == tables[1]
    lines = [json.loads(line) for line in (sweep / "jobs.jsonl").read_text().splitlines()]
    jobs = [line["job"] for line in lines if "job" in line]
    assert [job["number"] for job in jobs] == [0, 1, 2, 3, 4, 5]
    assert len({job["identity"] for job in jobs}) == 6


@pytest.mark.parametrize("launcher", [(), FORK], ids=["basic", "fork"])
def test_a_killed_sweep_is_completed_by_the_same_command(straight, tmp_path, launcher):
    sweep = tmp_path / "s"
    process = start(tmp_path, *WORDS, *launcher, "hydra.sweep.dir=s")
    if launcher:
        pid, _ = wait_for(lambda: at_work(sweep), process)
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: num_finished(sweep) >= 2 and at_work(sweep), process)
    process.kill()
    process.communicate()
    done = {f: f.stat().st_mtime_ns for f in sweep.glob("*/report.html")}
    run(tmp_path, *WORDS, *launcher, "sweep.resume=s")
    same(sweep, straight)
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())


def test_a_worker_that_is_killed_is_told_and_goes_on(straight, tmp_path):
    sweep = tmp_path / "s"
    process = start(tmp_path, *WORDS, *FORK, "hydra.sweep.dir=s")
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGKILL)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 1
    assert "5 of 6 jobs finished, 1 failed" in told
    lost = f"job {job.name}: its process was killed by SIGKILL; it goes on from its last checkpoint"
    assert lost in told
    assert lost.partition(": ")[2] in run(tmp_path, "sweep", "status", "s")
    run(tmp_path, "sweep", "resume", "s")
    same(sweep, straight)


def test_a_signal_to_the_launcher_stops_all_in_order(straight, tmp_path):
    sweep = tmp_path / "s"
    process = start(tmp_path, *WORDS, *FORK, "hydra.sweep.dir=s")
    pid, _ = wait_for(lambda: at_work(sweep), process)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=300)
    assert process.returncode == 143
    assert f"the sweep goes on with: vaescope sweep resume {sweep}" in told
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list(sweep.glob("*/.lock"))
    assert not list(sweep.glob("*/error.txt"))
    run(tmp_path, "sweep", "resume", "s")
    same(sweep, straight)
