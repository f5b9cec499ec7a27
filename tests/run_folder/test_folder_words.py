"""Words of the command line that name folders, or should."""

import pytest

from vaescope.cli import main
from vaescope.commands.plain_words import with_keys


def test_folders_become_runs_and_values_of_flags_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "my_conf", "b=1"):
        (tmp_path / name).mkdir()
    assert with_keys("report", ["a", "sort=mig"]) == ["sort=mig", "runs=['a']"]
    assert with_keys("report", ["a", "b=1"]) == ["runs=['a','b=1']"]
    words = ["--config-dir", "my_conf", "--cfg", "job", "runs=[a]", "~sort"]
    assert with_keys("report", words) == words
    assert with_keys("report", [*words[:2], "a"]) == [*words[:2], "runs=['a']"]


def test_a_folder_that_is_not_there_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["report", "nowhere"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "vaescope: report: there is no folder nowhere; give folders of runs\n"
    )


def test_a_link_to_itself_is_no_run(tmp_path, capsys):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SystemExit) as stop:
        main(["train", f"resume={tmp_path / 'loop'}"])
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert "no config.yaml" in told
    assert told.count("\n") == 1
