"""Seconds by part: each is counted once."""

from contextlib import suppress

import pytest

from vaescope import timing
from vaescope.timing import PARTS, Stopwatch, in_words


class Clock:
    """Seconds that a test lets pass."""

    now = 5.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def test_seconds_go_to_the_part_that_runs_and_sum_to_the_whole(clock):
    watch = Stopwatch(clock)
    clock.wait(3)
    with watch.spent_on("evaluations"):
        clock.wait(2)
        with watch.spent_on("checkpoints"):
            clock.wait(0.5)
        clock.wait(1)
    watch.turn_to("training")
    clock.wait(10)
    seconds = watch.read()
    expected = {"start": 3, "evaluations": 3, "checkpoints": 0.5, "training": 10, "report": 0}
    assert seconds == expected
    assert sum(seconds.values()) == clock.now - 5
    clock.wait(1)
    assert watch.read() == expected | {"training": 11}
    assert tuple(seconds) == PARTS


def test_a_failed_block_ends_its_part(clock):
    watch = Stopwatch(clock)
    with suppress(ZeroDivisionError), watch.spent_on("evaluations"):
        clock.wait(2)
        _ = 1 / 0
    clock.wait(1)
    assert watch.read() | {"start": 0} == dict.fromkeys(PARTS, 0) | {"evaluations": 2}
    assert watch.read()["start"] == 1


def test_only_the_first_run_of_a_command_has_its_start(monkeypatch, clock):
    monkeypatch.setattr(timing, "Stopwatch", lambda: Stopwatch(clock))
    timing.begin_command()
    clock.wait(4)
    first = timing.begin_run()
    with timing.spent_on("report"):
        clock.wait(1)
    clock.wait(7)
    second = timing.begin_run()
    clock.wait(2)
    assert second.read()["start"] == 2
    assert first.read()["report"] == 1
    assert (first.read()["start"], second.read()["report"]) == (4 + 7 + 2, 0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0.0 s"), (9.94, "9.9 s"), (9.95, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s")),
        *((3599, "59 min 59 s"), (3599.6, "1 h 00 min"), (86_400, "24 h 00 min")),
    ],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words
