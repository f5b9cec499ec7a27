"""The journal of a sweep: added to, never rewritten, whole after a kill, harmless."""

import json
import os
import subprocess
import sys

import pytest

from vaescope.errors import RunFolderError
from vaescope.sweeps import journal
from vaescope.sweeps.journal import JobRecord, Journal, find_sweep


def record(number, **given):
    return JobRecord(number, f"mark{number}", (f"seed={number}",), str(number), **given)


def test_what_is_added_is_read_by_another_process(tmp_path):
    one, other = Journal(tmp_path), Journal(tmp_path)
    one.add_command(["-m", "seed=0,1"])
    one.add_jobs([record(0), record(1, pack=(0, 4), seed=1)])
    other.refresh()
    assert other.records == one.records == {0: record(0), 1: record(1, pack=(0, 4), seed=1)}
    other.add_jobs([record(2)])
    one.refresh()
    assert one.by_identity["mark2"] == record(2)
    assert one.commands == [["-m", "seed=0,1"]]


def test_a_kill_of_the_process_is_forgotten_when_the_job_is_launched_again(tmp_path):
    one = Journal(tmp_path)
    one.add_jobs([record(0)])
    one.add_killed(0, "killed by SIGKILL")
    assert Journal(tmp_path).killed == {0: "killed by SIGKILL"}
    one.add_launch([0])
    assert Journal(tmp_path).killed == {}


def test_a_torn_line_is_lost_alone(tmp_path):
    Journal(tmp_path).add_jobs([record(0)])
    path = tmp_path / journal.NAME
    with path.open("ab") as file:
        file.write(b'{"job": {"number": 1, "iden')
    again = Journal(tmp_path)
    again.add_jobs([record(2)])
    assert [*Journal(tmp_path).records] == [*again.records] == [0, 2]


def test_lines_of_several_processes_are_whole(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from vaescope.sweeps.journal import JobRecord, Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "for _ in range(50):\n"
        "    with journal.alone():\n"
        "        number = max(journal.records, default=-1) + 1\n"
        "        mark = f'{sys.argv[2]}-{number}'\n"
        "        journal.add_jobs([JobRecord(number, mark, ('x' * 3000,), str(number))])\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    several = [subprocess.Popen([*words, name], env=os.environ) for name in "abc"]
    assert [process.wait(timeout=100) for process in several] == [0, 0, 0]
    read = Journal(tmp_path)
    assert [*read.records] == [*range(150)]  # no number was given twice
    assert len(read.by_identity) == 150


def test_a_line_costs_the_same_however_many_there_are(tmp_path, monkeypatch):
    """Bytes read and written for a job, counted: those of its own line."""
    one = Journal(tmp_path)
    sizes = []
    monkeypatch.setattr(journal.json, "loads", lambda text: sizes.append(len(text)) or _plain(text))
    for number in range(200):
        with one.alone():
            one.add_jobs([record(number)])
    assert len(sizes) == 200
    assert sum(sizes) < 200 * 150


_plain = json.loads


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "a/../../b"])
def test_records_that_lead_out_of_the_sweep_are_refused(tmp_path, folder):
    entry = {"number": 0, "identity": "x", "overrides": [], "folder": folder}
    line = json.dumps({"job": entry | {"pack": None, "seed": None}})
    (tmp_path / journal.NAME).write_text(f"{line}\n")
    with pytest.raises(RunFolderError, match="outside of the sweep"):
        Journal(tmp_path)


@pytest.mark.parametrize(
    "text", ["[]", "null", '{"job": 3}', '{"job": {}}', "[" * 100_000, '{"launched": 7}', "\xff"]
)
def test_lines_of_anything_else_are_passed_over(tmp_path, text):
    (tmp_path / journal.NAME).write_bytes(f"{text}\n".encode("latin-1"))
    assert Journal(tmp_path).records == {}


def test_latest_is_the_newest_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError, match="there is no sweep"):
        find_sweep("latest")
    for name in ("2026-01-02", "2026-11-01", "2025-12-31"):
        folder = tmp_path / "outputs" / "sweeps" / name
        folder.mkdir(parents=True)
        Journal(folder).add_command([])
    assert find_sweep("latest").name == "2026-11-01"
    with pytest.raises(RunFolderError, match=r"nowhere is no sweep: it has no jobs\.jsonl"):
        find_sweep("nowhere")
