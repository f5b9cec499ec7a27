"""What a sweep says of its jobs, however deep their folders lie and however they ended."""

import csv
import json
import os

import pytest
from omegaconf import OmegaConf

from vaescope.errors import RunFolderError
from vaescope.run_folder.locking import is_at_work, is_free, locked
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.results import counted, read_jobs, value_of
from vaescope.sweeps.states import State, state_of
from vaescope.sweeps.table import summarise, write_csv


class Sweep:
    """A sweep's folder in which a test puts what jobs have left."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.journal = Journal(folder)

    def job(self, name, *overrides, rows=None, error=None, text=None, report=True, **given):
        number = len(self.journal.records)
        record = JobRecord(number, f"mark{number}", overrides, name, **given)
        self.journal.add_jobs([record])
        folder = self.folder / name
        (folder / ".hydra").mkdir(parents=True, exist_ok=True)
        (folder / ".hydra" / "config.yaml").write_text(f"output_dir: {json.dumps(str(folder))}")
        if rows is not None:
            text = json.dumps({"about": {}, "rows": rows})
            if report:
                (folder / "report.html").touch()
        if text is not None:
            (folder / "scores.json").write_text(text)
        if error:
            (folder / "error.txt").write_text(f"Traceback\n  ...\n{error}\n")
        return folder

    def states(self):
        return [str(job.state) for job in read_jobs(self.journal)]


@pytest.fixture
def sweep(tmp_path):
    return Sweep(tmp_path / "sweep")


def told(folder):
    content = json.loads((folder / "scores.json").read_text())
    return content["about"], [(row["job"], row["test/loss"]) for row in content["rows"]]


def test_every_state_is_read_from_the_jobs_own_folder(sweep, capsys):
    sweep.job("0", "seed=0", rows=[{"test/loss": 1.0}])
    sweep.job("1", "seed=1", error="ConfigError: [/red] no such thing")
    sweep.job("2", "seed=2")
    sweep.job("3", "seed=3", rows=[], text=None)
    (sweep.folder / "3" / "scores.json").write_text('{"about": {}, "rows": [{"te')
    sweep.job("4", "seed=4", rows=[{"test/loss": None}])
    sweep.job("5", "seed=5", rows=[{"test/loss": 2.0}], report=False)
    state = sweep.job("6", "seed=6") / "checkpoints" / "last.ckpt"
    state.parent.mkdir()
    state.touch()
    sweep.job("7", "seed=7")
    sweep.journal.add_killed(7, "killed by SIGKILL")
    sweep.journal.add_jobs([JobRecord(8, "mark8", ("seed=8",), "8")])
    with locked(sweep.job("9", "seed=9")):
        names = "finished failed stopped failed finished stopped stopped failed pending running"
        assert sweep.states() == names.split()
    assert sweep.states()[-1] == "stopped"
    summarise(sweep.folder)
    out = capsys.readouterr().out
    assert told(sweep.folder)[0] == {"jobs": 10, "finished": 2}
    assert "2 of 10 jobs finished, 1 pending, 3 failed, 4 stopped" in out
    assert "job 1: ConfigError: [/red] no such thing" in out
    assert "job 2: stopped before its end; it has no checkpoint yet and starts anew" in out
    assert "3/scores.json cannot be read: JSONDecodeError" in out
    assert "job 6: stopped before its end; it goes on from its last checkpoint" in out
    assert "job 7: killed by SIGKILL; it has no checkpoint yet and starts anew" in out


def test_the_lock_of_a_process_that_is_gone_is_no_job_at_work(tmp_path):
    (tmp_path / ".lock").write_text(f"process {2**22 + 1} on {os.uname().nodename}")
    assert not is_at_work(tmp_path)
    assert is_free(tmp_path)
    (tmp_path / ".lock").write_text("process 1 on another-machine")
    assert is_at_work(tmp_path)  # who only looks believes it
    assert is_free(tmp_path)  # who wants to work asks the system
    with locked(tmp_path):
        assert is_at_work(tmp_path)
        assert not is_free(tmp_path)
    assert not is_at_work(tmp_path)


def test_members_of_a_pack_are_read_as_single_runs(sweep):
    rows = [{"seed": seed, "test/loss": float(seed)} for seed in (0, 1, 3)]
    for seed in range(4):
        folder = sweep.job("0", f"seed={seed}", rows=rows, pack=(0, 4), seed=seed)
    about = {"diverged": [{"seed": 2, "step": 70}]}
    (folder / "scores.json").write_text(json.dumps({"about": about, "rows": rows}))
    (folder / "objective.json").write_text(
        json.dumps({"rows": [{"seed": seed, "val/mig": seed / 10} for seed in range(4)]})
    )
    jobs = read_jobs(sweep.journal)
    assert [job.rows for job in jobs] == [[rows[0]], [rows[1]], [], [rows[2]]]
    assert (jobs[2].state, jobs[2].error) == (State.FAILED, "seed 2 diverged at step 70")
    assert [job.name for job in jobs[:2]] == ["0:seed_0", "0:seed_1"]
    assert value_of(jobs[3], "val/mig") == 0.3
    assert value_of(jobs[3], ["mig", "test/loss"]) == (0.3, 3.0)
    assert value_of(jobs[3], None) is None
    assert counted(jobs) == "3 of 4 jobs finished, 1 failed"


def test_lists_and_brackets_are_no_styles_and_names_are_shown_to_their_ends(sweep, capsys):
    sweep.job("[a]/0", "statistics=[latents]", rows=[{"test/loss": 1.0}])
    sweep.job("[a]/1" + "a" * 150, f"data_dir={'b' * 150}", rows=[{"test/loss": 2.0}])
    summarise(sweep.folder)
    shown = "".join(capsys.readouterr().out.split())
    assert "statistics=[latents]" in shown
    assert "…" not in shown
    assert shown.count("b") >= 150
    assert [name for name, _ in told(sweep.folder)[1]] == ["[a]/0", "[a]/1" + "a" * 150]


def test_a_job_that_wrote_elsewhere_and_one_in_the_sweeps_own_folder(sweep, tmp_path):
    sweep.job("0", "seed=0")
    elsewhere = tmp_path / "elsewhere"
    (sweep.folder / "0" / ".hydra" / "config.yaml").write_text(f"output_dir: {elsewhere}")
    elsewhere.mkdir()
    (elsewhere / "scores.json").write_text('{"about": {}, "rows": [{"test/loss": 3.0}]}')
    (elsewhere / "report.html").touch()
    (job,) = read_jobs(sweep.journal)
    assert (job.state, job.rows, job.folder) == ("finished", [{"test/loss": 3.0}], elsewhere)
    own = Sweep(tmp_path / "own")
    own.job(".", rows=[{"test/loss": 1.0}])
    summarise(own.folder)
    assert json.loads((own.folder / "scores.json").read_text())["rows"] == [{"test/loss": 1.0}]


def test_the_table_as_csv(sweep, tmp_path):
    sweep.job("0", "seed=0", rows=[{"test/loss": 1.0, "seed": 0}])
    sweep.job("1", "seed=1")
    with pytest.raises(RunFolderError, match="no job has scores yet"):
        write_csv(tmp_path / "x.csv", read_jobs(sweep.journal)[1:])
    write_csv(tmp_path / "x.csv", read_jobs(sweep.journal))
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"job": "0", "overrides": "seed=0", "test/loss": "1.0", "seed": "0"}]


def test_a_state_costs_few_calls_of_the_system(sweep, monkeypatch):
    """However many jobs there are: nothing but the job's own folder is looked at."""
    for number in range(50):
        sweep.job(str(number), rows=[{"test/loss": 1.0}])
        (sweep.folder / str(number) / "config.yaml").write_text(OmegaConf.to_yaml({}))
    calls = []
    plain = os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: calls.append(a) or plain(*a, **k))
    for record in sweep.journal.records.values():
        assert state_of(sweep.journal, record) is State.FINISHED
    assert len(calls) <= 50 * 8
