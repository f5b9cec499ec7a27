"""What is told of a sweep while it runs."""

import json
import re
import time

import pytest

from vaescope.run_folder.locking import locked
from vaescope.sweeps import watching
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.watching import Standing, Watch, duration


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    made.add_jobs(JobRecord(n, f"mark{n}", (f"seed={n}", "a=b"), str(n)) for n in range(5))
    return made


def finish(journal, number, value):
    folder = journal.folder / str(number)
    folder.mkdir(exist_ok=True)
    (folder / "objective.json").write_text(json.dumps({"rows": [{"val/mig": value}]}))
    (folder / "scores.json").write_text(json.dumps({"rows": [{"seed": number}]}))
    (folder / "report.html").touch()


def fail(journal, number):
    (journal.folder / str(number)).mkdir()
    (journal.folder / str(number) / "error.txt").write_text("boom")


def test_counts_the_time_left_and_the_best_so_far(journal):
    standing = Standing(journal, [*journal.records.values()], "val/mig", num_before=2)
    standing.update()
    assert standing.line() == "2 of 7 jobs finished"
    finish(journal, 0, 0.2)
    finish(journal, 1, 0.3)
    fail(journal, 2)
    standing.begun = time.time() - 90
    (journal.folder / "3").mkdir()
    with locked(journal.folder / "3"):
        standing.update()
        assert standing.line() == (
            "4 of 7 jobs finished, 1 failed, 1 running, about 60 s left, best val/mig 0.3 (job 1)"
        )
    finish(journal, 3, 0.1)
    finish(journal, 4, 0.1)
    standing.update()
    assert standing.line() == "6 of 7 jobs finished, 1 failed, best val/mig 0.3 (job 1)"


def test_the_good_end_is_that_of_the_score(journal):
    for number in range(3):
        finish(journal, number, number / 10)
        path = journal.folder / str(number) / "objective.json"
        path.write_text(path.read_text().replace("val/mig", "val/loss"))
    standing = Standing(journal, [*journal.records.values()], ["val/loss", "val/mig"])
    standing.update()
    assert standing.best is None  # the second is in no row
    standing = Standing(journal, [*journal.records.values()], "val/loss")
    standing.update()
    assert standing.best == (0.0, "0")
    for nothing in (None, 3, "[", "val/no_such_score"):
        standing = Standing(journal, [*journal.records.values()], nothing)
        standing.update()
        assert standing.best is None


def test_an_error_of_before_is_no_failure_of_now(journal):
    fail(journal, 0)
    standing = Standing(journal, [journal.records[0]], None)
    standing.begun += 100
    standing.update()
    assert standing.num_failed == 0


def test_jobs_that_have_ended_are_not_looked_at_again(journal, monkeypatch):
    finish(journal, 0, 0.5)
    standing = Standing(journal, [*journal.records.values()], None)
    standing.update()
    seen = []
    plain = watching.state_of
    monkeypatch.setattr(watching, "state_of", lambda j, r: seen.append(r.number) or plain(j, r))
    standing.update()
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("tty", [True, False])
def test_a_table_on_a_terminal_and_lines_elsewhere(journal, monkeypatch, capsys, tty):
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    monkeypatch.setenv("FORCE_COLOR" if tty else "NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    standing = Standing(journal, [*journal.records.values()], None)
    (journal.folder / "1").mkdir()
    with locked(journal.folder / "1"), Watch(standing, live=True, every=0.01):
        finish(journal, 0, 0.5)
        told, until = "", time.monotonic() + 20
        while "1 of 5 jobs finished, 1 running, about" not in told:
            assert time.monotonic() < until, told
            time.sleep(0.05)
            told += re.sub(r"\x1b\[[\d;?]*\w", "", capsys.readouterr().out)
        time.sleep(0.2)
    told += re.sub(r"\x1b\[[\d;?]*\w", "", capsys.readouterr().out)
    assert ("running for" in told) == tty
    assert ("seed=1 a=b" in told) == tty
    if not tty:
        assert told.count("\n") == 1  # once, not at every look


def test_durations():
    assert [duration(s) for s in (0, 89, 91, 5000, 6000)] == [
        "0 s",
        "89 s",
        "2 min",
        "83 min",
        "1.7 h",
    ]
