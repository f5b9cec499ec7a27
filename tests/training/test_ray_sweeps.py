"""Sweeps on a Ray of this machine: jobs lost, stopped and completed, to the bit."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from builders.killed_sweeps import (
    WORDS,
    at_work,
    ends,
    num_finished,
    run,
    same,
    start,
    wait_for,
)
from builders.ray_jobs import launch_each
from builders.warm_processes import SMALL, WarmProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="needs ray: pip install 'vaescope[ray]'"
    ),
]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a cluster of one machine with two cores."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    words += ["--include-dashboard=false", "--object-store-memory=104857600"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", SMALL["RAY_worker_niceness"])
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *words],
            cwd=tmp_path_factory.mktemp("head"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 120
            while not listens(port):
                assert head.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            head.wait(60)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_sweep_that_loses_workers_and_launcher_is_completed(straight, address, tmp_path):
    sweep = tmp_path / "s"
    ray = ("hydra/launcher=ray", f"hydra.launcher.address={address}")
    process = start(tmp_path, *WORDS, *ray, "hydra.sweep.dir=s")
    pid, job = wait_for(lambda: at_work(sweep), process)
    os.kill(pid, signal.SIGKILL)  # the process of a job
    wait_for(lambda: b"goes on from step" in (job / "output.txt").read_bytes(), process)
    pid, _ = wait_for(lambda: at_work(sweep), process)
    worker = psutil.Process(pid).parent().parent()
    assert worker.cmdline()[0].startswith("ray::")
    worker.kill()  # that of Ray, with a job
    wait_for(lambda: num_finished(sweep) >= 2 and at_work(sweep), process)
    process.kill()
    process.communicate()
    done = {f: f.stat().st_mtime_ns for f in sweep.glob("*/report.html")}
    told = run(tmp_path, *WORDS, *ray, "sweep.resume=s")
    assert "4 of 4 jobs finished" in told
    assert "raylet" not in told
    assert "test/loss" in (sweep / "0" / "output.txt").read_text()
    same(sweep, straight)
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())


def pids(sweep):
    """Processes of two jobs at work."""
    told = [path.read_text() for path in sweep.glob("*/output.txt")]
    return [int(text) for text in told] if len(told) == 2 and all(told) else []


def test_what_befalls_a_job_befalls_no_other_and_a_signal_stops_all(tmp_path):
    """On a cluster of its own, which ends with the command."""
    absent, befallen, stopped = folders = [tmp_path / name for name in "abc"]
    befallen.mkdir()
    stopped.mkdir()
    sweeps = dict(zip(map(str, folders), ("60", "61230", "550"), strict=True))
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(TESTS))))
    environment = os.environ | SMALL | {"PYTHONPATH": path}
    process = WarmProcess(launch_each, sweeps, cwd=tmp_path, env=environment, apart=True)
    jobs = wait_for(lambda: pids(stopped), process)
    refused, completed, *ended = process.printed().splitlines()
    lacking = f"has no {absent / 'jobs.jsonl'}: all machines of a Ray cluster"
    assert refused.startswith("refused: ")
    assert lacking in refused
    assert completed.startswith("COMPLETED")
    assert ended == [
        "FAILED JobKilledError('its process was killed by SIGKILL')",
        "FAILED RunsFailedError('nothing there')",
        "FAILED JobKilledError('its process ended with exit code 7')",
        "COMPLETED 1.0",  # torch's threads
    ]
    assert process.printed("err") == ""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert all(ends(pid) for pid in jobs)
    assert not (stopped / "2").exists()
    daemons = [one for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(tmp_path)]
    assert all(ends(one.pid) for one in daemons)
