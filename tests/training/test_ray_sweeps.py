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

from builders.killed_sweeps import WORDS, at_work, num_finished, run, same, start, wait_for
from vaescope.sweeps.journal import Journal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="needs ray: pip install 'vaescope[ray]'"
    ),
]
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Of a cluster of one machine with two cores, that runs for all tests here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    words += ["--include-dashboard=false", "--object-store-memory=104857600"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "0" * 64,
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(TESTS)))),
        }.items():
            patch.setenv(name, value)
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *words],
            cwd=tmp_path_factory.mktemp("head"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield f"127.0.0.1:{port}"
        head.terminate()
        head.wait(60)


@pytest.fixture
def ready(address):
    """The address, once something listens there."""
    host, port = address.split(":")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError("no Ray has begun")


def begin(folder, *words):
    command = [sys.executable, "-m", "builders.ray_jobs", *words]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def at(folder):
    """Processes that work in a folder."""
    return [one for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(folder)]


def test_a_sweep_that_loses_workers_and_launcher_is_completed(straight, ready, tmp_path):
    sweep = tmp_path / "s"
    ray = ("hydra/launcher=ray", f"hydra.launcher.address={ready}")
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
    assert "6 of 6 jobs finished" in told
    assert "raylet" not in told
    same(sweep, straight)
    assert all(file.stat().st_mtime_ns == when for file, when in done.items())


def test_what_befalls_a_job_befalls_no_other(ready, tmp_path):
    Journal(tmp_path).add_command([])
    told, noise = begin(tmp_path, ready, str(tmp_path), *"61230").communicate(timeout=300)
    ended = told.splitlines()
    assert ended[0].startswith("COMPLETED")
    assert ended[1:] == [
        "FAILED JobKilledError('its process was killed by SIGKILL')",
        "FAILED RunsFailedError('nothing there')",
        "FAILED JobKilledError('its process ended with exit code 7')",
        "COMPLETED 1.0",  # torch's threads
    ]
    assert noise == ""


def test_a_signal_stops_jobs_in_order(ready, tmp_path):
    Journal(tmp_path).add_command([])
    process = begin(tmp_path, ready, str(tmp_path), *"550")
    wait_for(lambda: len([*tmp_path.glob("*/output.txt")]) == 2, process)
    assert len(at(tmp_path)) >= 3
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert at(tmp_path) == []
    assert not (tmp_path / "2").exists()


def test_a_machine_without_the_folder_is_told(ready, tmp_path):
    told, _ = begin(tmp_path, ready, str(tmp_path / "s"), *"60").communicate(timeout=120)
    assert told.count("refused:") == 1
    assert f"has no {tmp_path / 's' / 'jobs.jsonl'}: all machines of a Ray cluster" in told


def test_a_cluster_of_its_own_ends_with_the_command(tmp_path):
    few = [word.replace("seed=0,1,2", "seed=0") for word in WORDS]
    told = run(tmp_path, *few, "hydra/launcher=ray", "hydra.sweep.dir=s")
    assert "each job on Ray: 1 CPUs" in told
    assert "2 of 2 jobs finished" in told
    assert "test/loss" in (tmp_path / "s" / "0" / "output.txt").read_text()
    few = [*few, "hydra/launcher=ray", "hydra.launcher.num_cpus=4096"]
    assert "no machine of the cluster has as many" in run(tmp_path, *few, code=1)
