"""What a sweep says of its jobs, however deep their folders lie and however they ended."""

import json
import os

import pytest
from omegaconf import OmegaConf

from vaescope.commands.sweep import SweepTable, in_order_of_numbers, read_job


def job(folder, *overrides, rows=None, error=None, text=None):
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(OmegaConf.to_yaml(list(overrides)))
    (folder / ".hydra" / "config.yaml").write_text(f"output_dir: {json.dumps(str(folder))}")
    if rows is not None:
        text = json.dumps({"about": {}, "rows": rows})
    if text is not None:
        (folder / "scores.json").write_text(text)
    if error:
        (folder / "error.txt").write_text(f"Traceback\n  ...\n{error}\n")


@pytest.fixture
def sweep(tmp_path):
    """Begin and finish a sweep around what a test puts into its folder."""

    def begun(folder=tmp_path / "sweep", **hydra):
        node = {"sweep": {"dir": str(folder)}, "output_subdir": ".hydra", "mode": None, **hydra}
        node["sweeper"] = {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"}
        SweepTable().on_multirun_start(OmegaConf.create({"hydra": node}))
        return folder

    yield begun
    SweepTable.folder = None


def told(folder):
    content = json.loads((folder / "scores.json").read_text())
    return content["about"], [(row["job"], row["test/loss"]) for row in content["rows"]]


def test_jobs_in_nested_folders_are_found_in_the_order_of_their_numbers(sweep, capsys):
    folder = sweep()
    for number in (10, 9, 1):
        job(folder / f"lr=0.{number},data_dir=" / "x/y", rows=[{"test/loss": float(number)}])
    job(folder / "lr=0.9,data_dir=" / "x", rows=[{"test/loss": 0.5}])
    SweepTable.finish()
    jobs = ["lr=0.1,data_dir=/x/y", "lr=0.10,data_dir=/x/y", "lr=0.9,data_dir=/x"]
    jobs += ["lr=0.9,data_dir=/x/y"]
    about, rows = told(folder)
    assert about == {"jobs": 4, "finished": 4}
    assert [name for name, _ in rows] == jobs
    assert "4 of 4 jobs finished" in capsys.readouterr().out


def test_ten_comes_after_nine(tmp_path):
    names = ["10", "9", "b=1e-3", "b=1e-2", "a_2026-10", "b=0.5"]
    ordered = sorted((tmp_path / name for name in names), key=in_order_of_numbers)
    assert [path.name for path in ordered] == ["9", "10", "a_2026-10", "b=1e-3", "b=1e-2", "b=0.5"]


def test_failed_killed_and_damaged_jobs_are_told(sweep, capsys):
    folder = sweep()
    job(folder / "0", "seed=0", rows=[{"test/loss": 1.0}])
    job(folder / "1", "seed=1", error="ConfigError: [/red] no such thing")
    job(folder / "2", "seed=2")
    job(folder / "3", "seed=3", text='{"about": {}, "rows": [{"te')
    job(folder / "4", "seed=4", rows=[{"test/loss": None}])
    job(folder / "5", "seed=5", text="[" * 100_000)
    job(folder / "6", "seed=6")
    (folder / "6" / "checkpoints").mkdir()
    (folder / "6" / "checkpoints" / "last.ckpt").touch()
    (folder / "6" / ".hydra" / "overrides.yaml").write_text("- 'half")
    SweepTable.finish()
    out = capsys.readouterr().out
    assert told(folder)[0] == {"jobs": 7, "finished": 2}
    assert "2 of 7 jobs finished" in out
    assert "job 1: ConfigError: [/red] no such thing" in out
    assert "job 2: stopped before its end; it has no checkpoint yet: start it anew" in out
    assert "job 3:" in out
    assert "3/scores.json cannot be read: JSONDecodeError" in out
    assert "job 5:" in out
    assert f"job 6: stopped before its end; go on with resume='{folder / '6'}'" in out
    assert out.count("FAILED") == 5


def test_lists_and_brackets_are_no_styles(sweep, capsys):
    folder = sweep()
    job(folder / "[a]" / "0", "statistics=[latents]", rows=[{"test/loss": 1.0}])
    job(folder / "[a]" / "1", "statistics=[disentanglement]", rows=[{"test/loss": 2.0}])
    SweepTable.finish()
    out = capsys.readouterr().out
    assert "statistics=[latents]" in out
    assert "statistics=[disentanglement]" in out
    assert "[a]/1" in out
    assert told(folder)[1] == [("[a]/0", 1.0), ("[a]/1", 2.0)]


def test_long_names_are_shown_to_their_ends(sweep, capsys):
    folder = sweep()
    for end in ("x", "y"):
        job(folder / ("a" * 150 + end), f"data_dir={'b' * 150}{end}", rows=[{"test/loss": 1.0}])
    SweepTable.finish()
    shown = "".join(capsys.readouterr().out.split())
    assert "…" not in shown
    assert shown.count("a") >= 300
    assert shown.count("b") >= 300


def test_one_job_and_one_that_wrote_elsewhere(sweep, tmp_path, capsys):
    folder = sweep()
    job(folder / "0", "seed=0")
    elsewhere = tmp_path / "elsewhere"
    (folder / "0" / ".hydra" / "config.yaml").write_text(f"output_dir: {elsewhere}")
    elsewhere.mkdir()
    (elsewhere / "scores.json").write_text('{"about": {}, "rows": [{"test/loss": 3.0}]}')
    SweepTable.finish()
    assert told(folder) == ({"jobs": 1, "finished": 1}, [("0", 3.0)])
    assert "seed=0" in capsys.readouterr().out


def test_jobs_of_before_are_none_of_this_sweep(sweep, tmp_path):
    folder = tmp_path / "sweep"
    job(folder / "old", rows=[{"test/loss": 1.0}])
    job(folder / "again", rows=[{"test/loss": 2.0}])
    sweep()
    os.utime(folder / "again" / ".hydra" / "overrides.yaml", (1e9, 1e9))
    job(folder / "new", rows=[{"test/loss": 3.0}])
    SweepTable.finish()
    assert [name for name, _ in told(folder)[1]] == ["again", "new"]


def test_without_records_of_hydra_a_job_is_known_by_its_log(sweep):
    folder = sweep(output_subdir=None)
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "train.log").touch()
    (folder / "a" / "b" / "scores.json").write_text('{"rows": [{"test/loss": 1.0}]}')
    SweepTable.finish()
    assert told(folder)[1] == [("a/b", 1.0)]


def test_a_job_in_the_sweeps_own_folder_keeps_its_scores(sweep, tmp_path):
    folder = sweep()
    job(folder, rows=[{"test/loss": 1.0}])
    SweepTable.finish()
    assert json.loads((folder / "scores.json").read_text())["rows"] == [{"test/loss": 1.0}]


def test_a_refused_sweep_and_a_single_run_leave_nothing(sweep, tmp_path, capsys):
    sweep()
    SweepTable.finish()
    SweepTable.finish()
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_job_names_it(tmp_path):
    job(tmp_path / "s" / "a" / "b", "x='it''s'", rows=[])
    assert read_job(tmp_path / "s" / "a" / "b", tmp_path / "s")["name"] == "a/b"
