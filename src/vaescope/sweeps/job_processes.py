"""The process of a job: begun, waited for, stopped in order, and what came of it."""

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from vaescope.errors import JobKilledError, RunsFailedError
from vaescope.sweeps.forked import Task, run_task

log = logging.getLogger(__name__)

PRELOADED = "vaescope.sweeps.preloaded"


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        completed: whether it has reached its end.
        value: that it returned; else its error, a ``JobKilledError`` if its process was lost.
    """

    completed: bool
    value: Any

    def returned(self, overrides: Sequence[str], config: DictConfig) -> JobReturn:
        """The same as Hydra has it."""
        status = JobStatus.COMPLETED if self.completed else JobStatus.FAILED
        result = JobReturn(overrides=overrides, cfg=config, status=status)
        result.return_value = self.value
        return result


@dataclass(frozen=True)
class Composer:
    """Makes the tasks of a sweep's jobs.

    Attributes:
        hydra_context: of the sweep.
        config: of the sweep.
        function: the program.
    """

    hydra_context: HydraContext
    config: DictConfig
    function: Callable[[DictConfig], Any]

    def task(self, overrides: Sequence[str], number: int, environment: dict[str, str]) -> Task:
        """What a process needs to run the job of these words."""
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        loader = self.hydra_context.config_loader
        config = loader.load_sweep_config(self.config, list(overrides))
        with read_write(config), open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        return Task(config, loader.get_search_path(), self.function, environment)


class ProcessLauncher(Launcher):
    """A launcher each of whose jobs has a process of its own."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what the jobs are made of."""
        self.config = config
        self.composer = Composer(hydra_context, config, task_function)


class JobProcess:
    """The process of a job at work.

    It is forked from one that has imported torch and Lightning and nothing else, so that the job
    begins in hundredths of a second and shares nothing with another.

    Args:
        task: the job.
    """

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOADED])
        self._pipe, its = context.Pipe(duplex=False)
        self._process = context.Process(target=run_task, args=(task, its))
        with _without_main():
            self._process.start()
        its.close()

    @property
    def end(self) -> int:
        """What ``multiprocessing.connection.wait`` waits for."""
        return self._process.sentinel

    def is_alive(self) -> bool:
        """Whether it is still at work."""
        return self._process.is_alive()

    def outcome(self) -> Outcome:
        """What came of the job, once its process has ended."""
        self._process.join()
        try:
            completed, value = self._pipe.recv()
        except (EOFError, OSError):  # it has sent nothing, or was killed while it did
            return Outcome(False, JobKilledError(_how_it_ended(self._process.exitcode)))
        finally:
            self._pipe.close()
        return Outcome(completed, value if completed else RunsFailedError(value))


def stop(jobs: Sequence[JobProcess], number: int = signal.SIGTERM) -> None:
    """Ask jobs at work to keep their states and end, and wait for that.

    Args:
        jobs: that may have ended by themselves.
        number: of the signal.
    """
    processes = [job._process for job in jobs]
    for process in processes:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, number)
    for process in processes:
        process.join()


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a new process from importing the program that is running: it needs none of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    if code is not None and code > 128 and code - 128 in {*signal.Signals}:
        return f"it was stopped by {signal.Signals(code - 128).name}"
    return f"its process ended with exit code {code}"
