"""Runs wait for the modified sets that they need, and the time that all take is said before."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from vaescope.reproduction import runner
from vaescope.reproduction.plan import Run
from vaescope.reproduction.runner import make_runs, other_settings

SET = Run("change", "", ("data=panels", "epsilon=0.1"), minutes=4, command="modify")
ON_IT = Run("b", "p_b", ("data=modified", "data.path=change"), minutes=2)
ALONE = Run("a", "p_a", minutes=6)


@pytest.fixture
def started(monkeypatch):
    """Commands in the order in which they begin; each does at once what it has to."""
    commands = []

    def begin(words, **options):
        command, words = words[3], dict(word.split("=", 1) for word in words[4:])
        folder = Path(words.get("output_dir", words.get("hydra.run.dir", "")).strip("'"))
        commands.append((folder.name, command, words))
        done = "modification.json" if command == "modify" else "scores.json"
        if folder.name != "broken":
            (folder / done).write_text('{"rows": []}')
        return SimpleNamespace(wait=lambda: int(folder.name == "broken"), terminate=lambda: None)

    monkeypatch.setattr(runner.subprocess, "Popen", begin)
    return commands


def make(runs, folder, jobs=2):
    return make_runs(runs, folder, jobs=jobs, threads=1, data_dir=None)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_set_is_made_before_the_run_that_needs_it(started, tmp_path, jobs):
    assert make([ON_IT, ALONE, SET], tmp_path, jobs) == {}
    names = [name for name, _, _ in started]
    assert sorted(names) == ["a", "b", "change"]
    assert names.index("change") < names.index("b")
    words = {name: words for name, _, words in started}
    assert words["b"]["data.path"] == f"'{tmp_path / 'change' / 'set'}'"
    assert words["b"]["experiment"] == "p_b"
    assert words["change"].items() >= {"data": "panels", "epsilon": "0.1", "threads": "1"}.items()
    started.clear()
    assert make([ON_IT, ALONE, SET], tmp_path) == {}
    assert not started


def test_without_its_set_a_run_does_not_begin(started, tmp_path):
    broken = Run("broken", "", command="modify")
    on_it = Run("b", "p_b", ("data.path=broken",))
    errors = make([broken, on_it, ALONE], tmp_path)
    assert errors == {"broken": "exit code 1", "b": "there is no broken: exit code 1"}
    assert "a" in [name for name, _, _ in started]
    assert "b" not in [name for name, _, _ in started]


def test_a_set_of_other_settings_is_refused(started, tmp_path):
    record = tmp_path / "change" / ".hydra" / "overrides.yaml"
    record.parent.mkdir(parents=True)
    record.write_text("- data=panels\n- epsilon=0.2\n- threads=2\n- bar=false\n")
    errors = make([SET, ON_IT], tmp_path)
    assert "made with epsilon=0.2, not 0.1" in errors["change"]
    assert errors["b"].startswith("there is no change: ")
    assert not started


def test_a_run_on_another_set_is_refused_and_a_moved_one_is_not(tmp_path):
    record = tmp_path / ".hydra" / "overrides.yaml"
    record.parent.mkdir()
    (tmp_path / "config.yaml").write_text("data: {path: /elsewhere/change/set}\n")
    made = ["experiment=p_b", "data=modified", "data.path=/elsewhere/change/set"]
    added = ["data@data.original=panels", "data.original.first=80"]  # by the command
    record.write_text("".join(f"- {word}\n" for word in (*made, *added)))
    assert other_settings(ON_IT, tmp_path) == ""
    record.write_text("- experiment=p_b\n- data=uniform_noise\n")
    assert "made with data=uniform_noise, not modified" in other_settings(ON_IT, tmp_path)


def test_what_the_command_adds_of_the_original_is_no_other_setting(tmp_path):
    record = tmp_path / ".hydra" / "overrides.yaml"
    record.parent.mkdir()
    (tmp_path / "config.yaml").write_text("data: {path: /elsewhere/change/set}\n")
    added = ["data@data.original=panels", "data.original.first=80", "data=modified"]
    record.write_text("".join(f"- {word}\n" for word in ["experiment=p_b", *added]))
    assert other_settings(ON_IT, tmp_path) == ""


def test_the_time_is_said_before_where_it_is_known(started, tmp_path, caplog):
    caplog.set_level("INFO")
    make([SET, ON_IT, ALONE, Run("c", "p_c", skipped="no time")], tmp_path / "known")
    assert "3 of 3 runs to make, 2 at a time: about 6 minutes" in caplog.text
    caplog.clear()
    make([ON_IT, SET, Run("c", "p_c")], tmp_path / "unknown")
    assert "minutes" not in caplog.text
