"""Sweeps on joblib and submitit that lose a worker and their launcher are completed, to the bit."""

import os
import signal
from collections import Counter

import pytest

from builders.killed_sweeps import (
    TWO,
    WORDS,
    at_work,
    ends,
    lines,
    num_finished,
    run,
    same,
    start,
    stopped_in_order,
    wait_for,
)
from vaescope.sweeps.forking import cores_here

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
LOCAL = (
    "hydra/launcher=submitit_local",
    f"hydra.launcher.cpus_per_task={max(1, cores_here() // 2)}",  # two jobs at a time
)


def test_joblib_goes_on_without_the_jobs_that_a_dead_worker_takes_along(straight, tmp_path):
    sweep = tmp_path / "s"
    process = start(tmp_path, *WORDS, *JOBLIB, "hydra.sweep.dir=s")
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGKILL)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 1
    lost = "it, or a job beside it, was killed, and joblib ended all that were at work"
    assert f"job {job.name}: {lost}; it goes on from its last checkpoint" in told
    assert num_finished(sweep) >= 2
    process = start(tmp_path, *WORDS, *JOBLIB, "sweep.resume=s")
    pid, _ = wait_for(lambda: at_work(sweep), process)
    process.kill()
    process.communicate()
    assert ends(pid)
    run(tmp_path, *WORDS, *JOBLIB[:1], "hydra.launcher.n_jobs=1", "sweep.resume=s")
    same(sweep, straight)


def test_submitted_jobs_outlive_their_launcher_and_are_taken_up(straight, tmp_path):
    sweep = tmp_path / "s"
    process = start(tmp_path, *WORDS, *LOCAL, "hydra.sweep.dir=s")
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGKILL)
    pid, _ = wait_for(lambda: num_finished(sweep) >= 2 and at_work(sweep), process)
    os.kill(pid, signal.SIGSTOP)  # until the next command has begun
    process.kill()
    process.communicate()
    process = start(tmp_path, *WORDS, *LOCAL, "sweep.resume=s")
    wait_for(lambda: "of an earlier command are queued or at work" in process.printed(), process)
    os.kill(pid, signal.SIGCONT)
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 0, told
    same(sweep, straight)
    submitted = Counter(number for line in lines(sweep) for number in line.get("submitted", ()))
    assert submitted == Counter("0123") + Counter([job.name])


def test_a_signal_to_the_launcher_stops_submitted_jobs_in_order(straight, tmp_path):
    sweep = stopped_in_order(tmp_path, *LOCAL)
    run(tmp_path, *TWO, *LOCAL, "sweep.resume=s")
    same(sweep, straight, jobs=2)
