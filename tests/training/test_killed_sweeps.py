"""Sweeps that lose their launcher and a worker are completed by the same command, to the bit."""

import os
import signal

import pytest

from builders.killed_sweeps import (
    TWO,
    WORDS,
    at_work,
    num_finished,
    run,
    same,
    start,
    stopped_in_order,
    wait_for,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]
FORK = ("hydra/launcher=fork", "hydra.launcher.n_jobs=2")


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
    process = start(tmp_path, *TWO, *FORK, "hydra.sweep.dir=s")
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGKILL)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 1
    assert "1 of 2 jobs finished, 1 failed" in told
    lost = f"job {job.name}: its process was killed by SIGKILL; it goes on from its last checkpoint"
    assert lost in told
    assert lost.partition(": ")[2] in run(tmp_path, "sweep", "status", "s")
    run(tmp_path, "sweep", "resume", "s")
    same(sweep, straight, jobs=2)


def test_a_signal_to_the_launcher_stops_all_in_order(straight, tmp_path):
    sweep = stopped_in_order(tmp_path, *FORK)
    assert not list(sweep.glob("*/error.txt"))
    run(tmp_path, "sweep", "resume", "s")
    same(sweep, straight, jobs=2)
