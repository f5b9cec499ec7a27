"""A sweep on a real Slurm of one node: queued again, orphaned, killed, and equal to the bit."""

import os
import signal
import time
from collections import Counter

import pytest

from builders.killed_sweeps import WORDS, at_work, lines, run, same, start, wait_for
from builders.slurm import Cluster, why_not
from vaescope.sweeps.journal import Journal

CHANGED = ("trainer.max_steps=", "callbacks.checkpoint.")
LONGER = (
    *(word for word in WORDS if not word.startswith(CHANGED)),
    *("trainer.max_steps=800", "callbacks.checkpoint.every_n_steps=50"),
    "updates_per_call=1",
)
SLURM = (
    *("hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=10"),
    *("hydra.launcher.signal_delay_s=60", "hydra.launcher.array_parallelism=1"),
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    made = Cluster(tmp_path / "cluster")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_a_sweep_on_slurm_loses_nothing_whatever_befalls_it(cluster, tmp_path):
    sweep, enter = tmp_path / "s", cluster.enter
    process = start(tmp_path, *LONGER, *SLURM, "hydra.sweep.dir=s", enter=enter)
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGUSR1)  # as Slurm before the end of its time
    name = Journal(sweep).submitted[int(job.name)].name
    wait_for(lambda: cluster.jobs().get(name) == "PENDING", process)
    process.kill()
    process.communicate()
    cluster.run("scontrol", "update", f"JobId={name}", "StartTime=now")  # else two minutes later

    process = start(tmp_path, *LONGER, *SLURM, "sweep.resume=s", enter=enter)
    wait_for(lambda: sum("launched" in line for line in lines(sweep)) == 2, process)
    time.sleep(3)  # until it has taken up the others
    pid, lost = wait_for(lambda: at_work(sweep, but=job), process)
    os.kill(pid, signal.SIGKILL)  # there is no accounting here, which would tell of it
    told, _ = process.communicate(timeout=500)
    assert process.returncode == 1, told
    assert "of an earlier command are queued or at work" in told
    assert "3 of 4 jobs finished, 1 failed" in told
    assert f"job {lost.name}: it ended before its time; see {sweep}/.submitit/" in told
    logs = "".join(file.read_text() for file in sweep.glob(f".submitit/*/{name}/*.err"))
    assert f"stopped by SIGUSR1; Slurm's job {name} is queued again" in logs

    run(tmp_path, *LONGER, *SLURM, "sweep.resume=s", enter=enter)
    submitted = Counter(number for line in lines(sweep) for number in line.get("submitted", ()))
    assert submitted == Counter("0123") + Counter([lost.name])
    run(tmp_path, *LONGER, "hydra.sweep.dir=straight")
    same(sweep, tmp_path / "straight")

    wrong = ("hydra.launcher.partition=nowhere", "hydra.sweep.dir=wrong")
    told = run(tmp_path, *LONGER, *SLURM, *wrong, enter=enter, code=1)
    assert "Slurm takes no job of hydra.launcher: sbatch: error: " in told
    assert "Traceback" not in told
