"""Where the time of a run goes: every second counts once, by what it was spent on."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PARTS = ("start", "training", "evaluations", "checkpoints", "report")


class Stopwatch:
    """Seconds by part. One part runs at any time, so the parts sum to the whole.

    Args:
        clock: gives seconds.

    Example:
        >>> times = iter([0.0, 2.0, 3.0, 7.0])
        >>> watch = Stopwatch(clock=lambda: next(times))
        >>> with watch.spent_on("evaluations"):
        ...     pass
        >>> {part: seconds for part, seconds in watch.read().items() if seconds}
        {'start': 6.0, 'evaluations': 1.0}
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds = dict.fromkeys(PARTS, 0.0)
        self._part, self._since = PARTS[0], clock()

    def turn_to(self, part: str) -> str:
        """Count what follows for another part; the part that ran until now."""
        if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
            torch.cuda.synchronize()  # what the device has still to do is of the part before
        now, before = self._clock(), self._part
        self._seconds[before] += now - self._since
        self._part, self._since = part, now
        return before

    @contextmanager
    def spent_on(self, part: str) -> Iterator[None]:
        """Count a block for a part, then go on with the one before."""
        before = self.turn_to(part)
        try:
            yield
        finally:
            self.turn_to(before)

    def read(self) -> dict[str, float]:
        """Seconds by part so far."""
        self.turn_to(self._part)
        return dict(self._seconds)


class _Process:
    """The stopwatch of the run that this process makes now."""

    watch = Stopwatch()
    is_new = False  # whether a command has started it for the run that comes


def begin_command() -> None:
    """From here on the start of this command's first run is counted."""
    _Process.watch, _Process.is_new = Stopwatch(), True


def begin_run() -> Stopwatch:
    """The stopwatch of a run that starts here, or that has started with its command."""
    if not _Process.is_new:
        _Process.watch = Stopwatch()
    _Process.is_new = False
    return _Process.watch


@contextmanager
def spent_on(part: str) -> Iterator[None]:
    """Count a block for a part of the run that goes on; use it also as a decorator."""
    with _Process.watch.spent_on(part):
        yield


def turn_to(part: str) -> None:
    """Count what follows for a part of the run that goes on."""
    _Process.watch.turn_to(part)


def in_words(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``4 min 31 s``, ``2 h 05 min``.

    Example:
        >>> [in_words(seconds) for seconds in (0.44, 9.96, 271, 7530)]
        ['0.4 s', '10 s', '4 min 31 s', '2 h 06 min']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"
