"""Tracker: Lightning's logger in front of a dashboard, whose failures never end a run."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from vaescope.errors import first_line
from vaescope.stopping import Stopped

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]
Cell = str | float | None


class Sink(Protocol):
    """What each kind of dashboard does with what a run shows; any call may raise anything."""

    def log_settings(self, settings: Settings) -> None:
        """The whole configuration, nested."""

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Numbers by log key at a step."""

    def log_image(self, key: str, path: Path, step: int) -> None:
        """A picture: a png, or a gif that moves."""

    def log_page(self, key: str, path: Path, step: int) -> None:
        """A page in HTML that needs no other file."""

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """Texts and numbers in rows."""

    def log_files(self, kind: str, paths: Sequence[Path], step: int) -> None:
        """Files that are kept with the run, of one kind: ``checkpoints``."""

    def close(self, exit_code: int) -> None:
        """The run has ended; 0: well."""


class Tracker(Logger):
    """Starts a dashboard's run at the first call and passes on what is logged, at rank zero.

    The first error that comes of it is told in one warning; after it nothing is passed on, so that
    a full disk, a lost network or a missing package costs no training.

    Args:
        kind: what it is called in messages: ``wandb``.
        start: begins the dashboard's run, given the configuration.
        artifacts: kinds of files that are kept with the run at its end.
    """

    def __init__(
        self, kind: str, start: Callable[[Settings], Sink], artifacts: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.kind, self.artifacts = kind, tuple(artifacts)
        self._start, self._lost = start, False
        self._sink: Sink | None = None
        self._settings: Settings = {}

    @property
    def name(self) -> str:
        """Kind of logger."""
        return self.kind

    @property
    def version(self) -> str:
        """One run a folder."""
        return ""

    @property
    def sink(self) -> Sink | None:
        """The dashboard's run; None: it has not begun, has ended or is lost."""
        return self._sink

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Begin the run with the whole configuration."""
        self._settings = params
        self.show(lambda sink: sink.log_settings(params))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Numbers by log key."""
        self.show(lambda sink: sink.log_numbers(metrics, step or 0))

    @rank_zero_only
    def show(self, what: Callable[[Sink], None]) -> None:
        """Do something with the dashboard's run, which is begun if need be."""
        if self._lost:
            return
        with self._guarded():
            if self._sink is None:
                self._sink = self._start(self._settings)
            what(self._sink)

    @rank_zero_only
    def close(self, exit_code: int = 0) -> None:
        """End the dashboard's run, as far as there is one."""
        sink, self._sink = self._sink, None
        if sink is not None:
            with self._guarded():
                sink.close(exit_code)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of other packages, of the network, of the disk
            if not self._lost:
                log.warning(
                    "%s fails (%s: %s); the run goes on without it",
                    *(self.kind, type(error).__name__, first_line(error)),
                )
            self._lost = True


def trackers(loggers: Iterable[Logger]) -> list[Tracker]:
    """Those of a run's loggers that are dashboards."""
    return [logger for logger in loggers if isinstance(logger, Tracker)]


def show_image(loggers: Iterable[Logger], key: str, path: Path, step: int) -> None:
    """Give a picture, png or gif, to every dashboard."""
    for tracker in trackers(loggers):
        tracker.show(lambda sink: sink.log_image(key, path, step))


@contextmanager
def closing(loggers: Iterable[Logger]) -> Iterator[None]:
    """End the runs of all dashboards behind the block, with 1 or a signal's code if it failed."""
    opened, code = trackers(loggers), 1
    try:
        yield
        code = 0
    except Stopped as stop:
        code = int(stop.code or 0)
        raise
    finally:
        for tracker in opened:
            tracker.close(code)
