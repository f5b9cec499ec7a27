"""A fresh process for each job: isolated, named, with its share of the machine."""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobStatus, setup_globals
from hydra.types import HydraContext, RunMode

from builders.forked_jobs import task
from vaescope.config.loading import config_dir, register_schemas
from vaescope.errors import ConfigError, JobKilledError, RunsFailedError
from vaescope.stopping import Stopped, stoppable
from vaescope.sweeps import forking
from vaescope.sweeps.forking import ForkLauncher, threads_of_each, visible_gpus

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="no fork here"
)


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Run jobs of these seeds by the launcher."""
    register_schemas()
    setup_globals()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="train"):
        loader = GlobalHydra.instance().config_loader()
        words = ["experiment=tiny", "logger=[]", f"hydra.sweep.dir={tmp_path}/s"]
        config = loader.load_configuration("train", words, RunMode.MULTIRUN)

        def run(*seeds, **options):
            launcher = ForkLauncher(**options)
            launcher.setup(
                hydra_context=HydraContext(loader, None), task_function=task, config=config
            )
            return launcher.launch([["experiment=tiny", f"seed={seed}"] for seed in seeds], 0)

        yield run


def test_what_befalls_a_job_befalls_no_other(launch, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setattr(forking, "cores_here", lambda: 6)
    jobs = launch(6, 1, 2, 3, 4, 0, n_jobs=2)
    completed = [job.status is JobStatus.COMPLETED for job in jobs]
    assert completed == [True, False, False, False, True, True]
    assert jobs[0].return_value != os.getpid()
    killed, failed, left = (job._return_value for job in jobs[1:4])
    assert isinstance(killed, JobKilledError)
    assert str(killed) == "its process was killed by SIGKILL"
    assert (type(failed), str(failed)) == (RunsFailedError, "nothing there")
    assert str(left) == "its process ended with exit code 7"
    assert jobs[4].return_value in (5.0, 7.0)
    assert jobs[5].return_value == 3.0  # six cores for two processes
    output = (tmp_path / "s" / "4" / "output.txt").read_text()
    assert "from the depths" in output
    assert "on its error stream" in output


def test_a_signal_is_passed_on_and_no_process_is_left(launch, tmp_path):
    def stop():
        while not (tmp_path / "s" / "1" / "output.txt").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    begun = time.monotonic()
    with stoppable(), pytest.raises(Stopped) as stopped:
        launch(5, 5, 5, n_jobs=2)
    thread.join()
    assert stopped.value.code == 143
    assert time.monotonic() - begun < 200
    assert multiprocessing.active_children() == []
    assert not (tmp_path / "s" / "2").exists()  # no other is begun


def test_cores_are_shared_out(monkeypatch):
    monkeypatch.setattr(forking, "cores_here", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_of_each(n) for n in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]
    assert threads_of_each(2, 3) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert [threads_of_each(n) for n in (1, 2, 8)] == [2, 2, 1]


def test_gpus_are_those_that_the_user_lets_be_seen(monkeypatch, tmp_path):
    for given, seen in (("", []), ("-1", []), ("0", ["0"]), ("3, GPU-ab", ["3", "GPU-ab"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert visible_gpus() == seen
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho 'GPU 1: A (UUID: y)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == ["0", "1"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus() == []
    program.unlink()
    assert visible_gpus() == []


@pytest.mark.parametrize("option", ["n_jobs", "jobs_per_gpu", "threads"])
def test_numbers_below_one_are_refused(option):
    with pytest.raises(ConfigError, match=rf"hydra\.launcher\.{option}=0: give a number from 1"):
        ForkLauncher(**{option: 0})
