"""What is put around launchers of other projects: refusals, places, queues, what became of jobs."""

import json
import os
import types
from concurrent.futures.process import BrokenProcessPool

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus

from vaescope.errors import ConfigError, JobKilledError
from vaescope.run_folder.contents import write_pruned
from vaescope.sweeps import forking, queues
from vaescope.sweeps.joblib_workers import JoblibEngine
from vaescope.sweeps.journal import JobRecord, Journal, Submitted
from vaescope.sweeps.packing import Unit
from vaescope.sweeps.queues import SlurmQueue, ThisMachine
from vaescope.sweeps.results import outcome_of
from vaescope.sweeps.submitting import refuse_options


@pytest.mark.parametrize(
    ("name", "extra"),
    [("joblib", "sweep"), ("submitit_local", "slurm"), ("submitit_slurm", "slurm")],
)
def test_a_launcher_that_is_not_installed_is_told_in_one_sentence(
    command, monkeypatch, tmp_path, name, extra
):
    Plugins.instance()
    options = ConfigStore.instance().repo["hydra"]["launcher"]
    monkeypatch.delitem(options, f"{name}.yaml", raising=False)
    words = ("experiment=tiny", "seed=0,1", "hydra.sweep.dir=s", f"hydra/launcher={name}")
    told = command("train", "-m", *words, code=1)
    assert told.err == (
        f"hydra/launcher={name} needs a package that is not installed: "
        f"pip install 'vaescope[{extra}]'\n"
    )
    assert not (tmp_path / "s").exists()


@pytest.fixture
def sweep(tmp_path):
    """A sweep of four jobs: its journal and its units."""
    journal = Journal(tmp_path)
    records = [JobRecord(n, f"mark{n}", (f"seed={n}",), str(n)) for n in range(4)]
    journal.add_jobs(records)
    return journal, [Unit((record,)) for record in records]


def finish(folder):
    folder.mkdir(exist_ok=True)
    (folder / "scores.json").write_text('{"about": {}, "rows": [{"test/loss": 1.0}]}')
    (folder / "report.html").touch()


class BreakingPool:
    """joblib's, in which job 1 kills its worker while job 0 is at work; job 3 begins later."""

    def __init__(self, folder):
        self.folder, self.launched = folder, []
        self.joblib, self.task_function = {"n_jobs": 2}, None

    def launch(self, words, initial_job_idx):
        jobs = [next(w for w in of_job if "subdir" in w).strip("'")[-1] for of_job in words]
        self.launched.append((jobs, os.environ["OMP_NUM_THREADS"]))
        if "1" in jobs:
            finish(self.folder / "2")
            for number in "01":
                (self.folder / number).mkdir()
                (self.folder / number / ".lock").write_text(f"process {2**22 + 1} on here")
            raise BrokenProcessPool
        return [JobReturn(status=JobStatus.COMPLETED, overrides=of_job) for of_job in words]


def test_a_pool_that_breaks_loses_only_what_was_at_work(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(forking, "cores_here", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    journal, units = sweep
    pool = BreakingPool(tmp_path)
    returned = JoblibEngine(pool, None).launch(journal, units)
    assert pool.launched == [(["0", "1", "2", "3"], "3"), (["3"], "6")]
    assert "OMP_NUM_THREADS" not in os.environ
    assert [one.status is JobStatus.COMPLETED for one in returned] == [False, False, True, True]
    assert all(isinstance(one._return_value, JobKilledError) for one in returned[:2])


def test_a_job_that_its_search_has_stopped_is_not_lost(sweep, tmp_path):
    journal, units = sweep
    (tmp_path / "0").mkdir()
    write_pruned(tmp_path / "0", 3, 0.5)
    results = [outcome_of(journal, units[n].records[0], None, "it was lost") for n in (0, 1)]
    assert [one.status is JobStatus.COMPLETED for one in results] == [True, False]


def test_a_pool_that_breaks_at_once_is_not_tried_for_ever(sweep):
    journal, units = sweep
    calls = []

    def launch(words, initial_job_idx):
        calls.append(words)
        raise BrokenProcessPool

    pool = types.SimpleNamespace(joblib={"n_jobs": 2}, task_function=None, launch=launch)
    returned = JoblibEngine(pool, None).launch(journal, units)
    assert len(calls) == 1
    assert all(isinstance(one._return_value, JobKilledError) for one in returned)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A program of that name, which tells what it is given; ``asked`` has its words."""
    program = tmp_path / "bin" / "squeue"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/told || exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def tell(*lines):
        (tmp_path / "told").write_text("".join(f"{line}\n" for line in lines))

    return tell


def test_slurm_is_asked_for_all_jobs_at_once_and_not_too_often(squeue, tmp_path):
    place = tmp_path / ".submitit"
    squeue(f"7_0 {place}/x/a.sh", f"7_1 {place}/x/a.sh", "7_2 /of/another/a.sh", "9 (null)")
    queue = SlurmQueue(place)
    for _ in range(5):
        assert queue.holds(["7_0", "7_1", "7_2", "9"]) == {"7_0", "7_1"}
    assert len((tmp_path / "asked").read_text().splitlines()) == 1
    squeue(f"7_1 {place}/x/a.sh")
    assert queue.holds(["7_0", "7_1"]) == {"7_0", "7_1"}
    assert queue.holds(["7_0", "7_1"], now=True) == {"7_1"}
    (tmp_path / "told").unlink()  # a controller that is restarted says nothing of its jobs
    assert queue.holds(["7_0", "7_1"], now=True) == {"7_0", "7_1"}


def test_cores_and_gpus_of_this_machine_are_shared_out(monkeypatch, tmp_path):
    for module in (forking, queues):
        monkeypatch.setattr(module, "cores_here", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine = ThisMachine(tmp_path)

    def shares(number, **options):
        slots = machine.slots(options, number)
        return [tuple(slot.values()) for slot in slots]

    assert shares(3) == [("2", "")] * 3
    assert shares(30) == [("1", "")] * 8
    assert shares(30, cpus_per_task=3) == [("3", "")] * 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    assert shares(30) == [("2", "4"), ("2", "5"), ("2", "7")]
    assert shares(30, gpus_per_node=2) == [("8", "4,5")]
    assert not machine.holds([str(os.getpid())])  # a process, but none of submitit's


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"nodes": 2}, "nodes=2: a job of a sweep is one process; give 1"),
        ({"tasks_per_node": 4}, "tasks_per_node=4: a job of a sweep"),
        ({"timeout_min": 2, "signal_delay_s": 120}, "give a later moment or a longer time"),
    ],
)
def test_options_with_which_no_job_could_go_on_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        refuse_options({"timeout_min": 60, "nodes": 1, "tasks_per_node": 1} | options)


def test_a_record_names_jobs_by_numbers_only(tmp_path):
    journal = Journal(tmp_path)
    journal.add_submitted({0: Submitted("12_3", "slurm", 0)})
    entry = {"submitted": {"1": {"name": "--all", "place": "slurm", "slot": 0}}}
    with (tmp_path / "jobs.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")
    assert Journal(tmp_path).submitted == {0: Submitted("12_3", "slurm", 0)}
