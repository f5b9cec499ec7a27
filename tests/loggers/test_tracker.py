"""A dashboard that fails costs one warning, never the run; its run ends as the training did."""

import contextlib

import pytest

from vaescope.errors import DataError
from vaescope.loggers import MetricsFile, Tracker, closing, show_image, show_results
from vaescope.loggers.results import COLUMNS, score_table, show_objective
from vaescope.stopping import Stopped


class Memory:
    """A sink that remembers its calls, and fails at those of one name."""

    def __init__(self, failing=None):
        self.calls, self.failing = [], failing

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, *arguments))
            if name == self.failing:
                raise OSError(28, "No space left on device")

        return call


def of(sink, **options):
    return Tracker("board", lambda settings: sink, **options)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_run_begins_with_its_settings_at_the_first_call():
    begun = []

    def start(settings):
        begun.append(settings)
        return Memory()

    tracker = Tracker("board", start)
    assert not begun
    tracker.log_hyperparams({"seed": 1})
    tracker.log_metrics({"val/mig": 0.5}, 3)
    assert begun == [{"seed": 1}]
    numbers = ("log_numbers", {"val/mig": 0.5}, 3)
    assert tracker.sink.calls == [("log_settings", {"seed": 1}), numbers]


def test_what_cannot_begin_is_told_once(caplog):
    def start(settings):
        raise ModuleNotFoundError("No module named 'board'")

    tracker = Tracker("board", start)
    tracker.log_hyperparams({})
    tracker.log_metrics({"val/mig": 0.5}, 3)
    tracker.close()
    (told,) = warnings(caplog)
    assert told.startswith("board fails (ModuleNotFoundError: No module named 'board'); the run")


@pytest.mark.parametrize("failing", ["log_settings", "log_numbers", "log_image", "log_table"])
def test_what_fails_on_the_way_is_told_once_and_asked_no_more(caplog, tmp_path, failing):
    sink = Memory(failing)
    tracker = of(sink)
    for _ in range(2):
        tracker.log_hyperparams({})
        tracker.log_metrics({"val/mig": 0.5}, 3)
        show_image([tracker], "figures/a", tmp_path / "a.png", 3)
        show_results([tracker], [], report=tmp_path / "r.html", files={}, step=3)
    assert [name for name, *_ in sink.calls].count(failing) == 1
    assert sink.calls[-1][0] == failing
    (told,) = warnings(caplog)
    assert "No space left on device" in told


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0), (DataError("x"), 1), (KeyboardInterrupt(), 1), (Stopped(15), 143)],
)
def test_its_run_ends_as_the_training_did(error, code, tmp_path):
    sink = Memory()
    tracker = of(sink)
    tracker.log_hyperparams({})
    with contextlib.suppress(BaseException), closing([MetricsFile(str(tmp_path)), tracker]):
        if error:
            raise error
    assert sink.calls[-1] == ("close", code)
    assert tracker.sink is None


def test_an_end_that_fails_ends_nothing_else(caplog):
    with closing([tracker := of(Memory("close"))]):
        tracker.log_hyperparams({})
    assert len(warnings(caplog)) == 1


def test_scores_of_a_table_are_means_with_chance_and_ceiling():
    scores = [{"test/mig": 0.25, "test/mig_chance": 0.0625, "test/mig_ceiling": 0.75}]
    scores += [{"test/mig": 0.75, "test/mig_chance": 0.0625, "test/mig_ceiling": 0.75}]
    rows = [{"seed": n, "model": "VAE", "num_samples": 9, **row} for n, row in enumerate(scores)]
    (line,) = score_table(rows)
    cells = dict(zip(COLUMNS, line, strict=True))
    assert cells.pop("meaning").startswith("mutual information gap")
    assert cells == {
        "score": "test/mig",
        "value": 0.5,
        "std": pytest.approx(0.125**0.5),
        "seeds": 2,
        "chance": 0.0625,
        "ceiling": 0.75,
        "range": "0 to 1, high is good",
    }


def test_results_keep_what_the_dashboard_was_asked_for(tmp_path):
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.write_bytes(b"")
    files = {"checkpoints": [checkpoint, tmp_path / "none.ckpt"], "codes": [checkpoint]}
    wanting, other = Memory(), Memory()
    both = [of(wanting, artifacts=["checkpoints"]), of(other)]
    show_results(both, [], report=tmp_path / "report.html", files=files, step=3)
    assert ("log_files", "checkpoints", [checkpoint], 3) == wanting.calls[-1]
    assert ("log_page", "report", tmp_path / "report.html", 3) == other.calls[-1]


def test_objective_is_the_last_evaluations_mean_over_seeds():
    sink = Memory()
    history = [
        {"step": step, "seed": seed, "val/mig": value}
        for step, seed, value in ((0, 0, 0.9), (5, 0, 0.25), (5, 1, 0.75))
    ]
    tested = [{"test/mig": 0.125}, {"test/mig": 0.375}]
    show_objective([of(sink)], "val/mig", tested, history, 5)
    show_objective([of(sink)], ["val/mig", "test/mig"], tested, history, 5)
    show_objective([of(sink)], None, tested, history, 5)
    several = {"objective/val/mig": 0.5, "objective/test/mig": 0.25}
    assert sink.calls == [("log_numbers", {"objective": 0.5}, 5), ("log_numbers", several, 5)]
