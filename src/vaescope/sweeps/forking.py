"""The launcher ``fork``: a fresh process for each job, from one that has torch imported already."""

import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write

from vaescope.errors import ConfigError, JobKilledError, RunsFailedError
from vaescope.stopping import Stopped
from vaescope.sweeps.forked import Task, run_task

log = logging.getLogger(__name__)

PRELOADED = "vaescope.sweeps.preloaded"


class ForkLauncher(Launcher):
    """Runs jobs side by side on this machine, each in a process of its own.

    The processes are forked from one that has imported torch and Lightning and nothing else, so
    that a job begins in hundredths of a second, shares nothing with another job, and takes none
    with it when it dies. What it prints goes to ``output.txt`` in its folder.

    Args:
        n_jobs: processes at a time; None: ``jobs_per_gpu`` for each GPU, or one for each core.
        jobs_per_gpu: that share a GPU, if ``n_jobs`` does not say how many there are.
        threads: torch threads of each; None: cores // processes. ``OMP_NUM_THREADS`` is a limit.

    Raises:
        ConfigError: for a number below 1, or on a system that cannot fork.
    """

    def __init__(
        self, n_jobs: int | None = None, jobs_per_gpu: int = 1, threads: int | None = None
    ) -> None:
        for name, value in {
            "n_jobs": n_jobs,
            "jobs_per_gpu": jobs_per_gpu,
            "threads": threads,
        }.items():
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ConfigError(f"hydra.launcher.{name}={value}: give a number from 1")
        if "forkserver" not in multiprocessing.get_all_start_methods():
            raise ConfigError(
                "hydra/launcher=fork needs Linux or macOS; here is hydra/launcher=basic"
            )
        self.n_jobs, self.jobs_per_gpu, self.threads = n_jobs, jobs_per_gpu, threads

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what the jobs are made of."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs; a signal is passed on to those at work, which keep their states.

        Args:
            job_overrides: words of each job.
            initial_job_idx: number of the first.

        Returns:
            What came of each: its value, or the error of a job that failed or was killed.
        """
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        gpus = visible_gpus()
        most = self.n_jobs or len(gpus) * self.jobs_per_gpu or cores_here()
        slots = min(most, len(job_overrides))
        threads = threads_of_each(slots, self.threads)
        where = f", GPUs {','.join(gpus)}" if gpus else ""
        log.info(
            "%d jobs, %d at a time, torch threads: %d%s", len(job_overrides), slots, threads, where
        )
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOADED])
        free, waiting = list(range(slots)), list(enumerate(job_overrides))
        running: list[_Running] = []
        returned: dict[int, JobReturn] = {}
        try:
            while waiting or running:
                while free and waiting:
                    place, overrides = waiting.pop(0)
                    slot = free.pop(0)
                    environment = {"OMP_NUM_THREADS": str(threads)}
                    if gpus:
                        environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
                    task = self._task(overrides, initial_job_idx + place, environment)
                    running.append(_Running(place, slot, overrides, task, *_start(context, task)))
                wait([one.process.sentinel for one in running])
                for one in [each for each in running if not each.process.is_alive()]:
                    running.remove(one)
                    free.append(one.slot)
                    returned[one.place] = one.returned()
        except BaseException as end:
            _stop(running, end)
            raise
        return [returned[place] for place in range(len(job_overrides))]

    def _task(self, overrides: Sequence[str], number: int, environment: dict[str, str]) -> Task:
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        loader = self.hydra_context.config_loader
        config = loader.load_sweep_config(self.config, list(overrides))
        with read_write(config), open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        return Task(
            config=config,
            search_path=loader.get_search_path(),
            function=self.task_function,
            environment={**os.environ, **environment},
        )


@dataclass
class _Running:
    """A job at work."""

    place: int
    slot: int
    overrides: Sequence[str]
    task: Task
    process: BaseProcess
    pipe: Connection

    def returned(self) -> JobReturn:
        """What came of the job, once its process has ended."""
        result = JobReturn(overrides=self.overrides, cfg=self.task.config, status=JobStatus.FAILED)
        self.process.join()
        try:
            completed, value = self.pipe.recv()
        except (EOFError, OSError):  # it has sent nothing, or was killed while it did
            result.return_value = JobKilledError(_how_it_ended(self.process.exitcode))
        else:
            result.return_value = value if completed else RunsFailedError(value)
            result.status = JobStatus.COMPLETED if completed else JobStatus.FAILED
        finally:
            self.pipe.close()
        return result


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` has them.

    The driver is asked by a program of its own: a process that has opened a GPU cannot be forked.
    """
    if (given := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    number = sum(line.startswith("GPU") for line in done.stdout.splitlines())
    return [str(gpu) for gpu in range(number)]


def threads_of_each(jobs: int, wanted: int | None = None) -> int:
    """Torch threads of each of some jobs at a time, from 1: the cores are shared out."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    share = max(1, cores_here() // jobs)
    return wanted or (min(share, int(limit)) if limit.isdigit() and int(limit) else share)


def cores_here() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _start(context: Any, task: Task) -> tuple[BaseProcess, Connection]:
    ours, its = context.Pipe(duplex=False)
    process = context.Process(target=run_task, args=(task, its))
    with _without_main():
        process.start()
    its.close()
    return process, ours


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep a new process from importing the program that is running: it needs none of it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _stop(running: Sequence[_Running], end: BaseException) -> None:
    """Ask the jobs at work to keep their states and end, and wait for that."""
    number = end.code - 128 if isinstance(end, Stopped) and isinstance(end.code, int) else 0
    if number in (0, signal.SIGINT):  # the terminal's Ctrl-C has reached them already
        number = signal.SIGTERM
    for one in running:
        if one.process.pid is not None and one.process.is_alive():
            os.kill(one.process.pid, number)
    for one in running:
        one.process.join()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    if code is not None and code > 128 and code - 128 in {*signal.Signals}:
        return f"it was stopped by {signal.Signals(code - 128).name}"
    return f"its process ended with exit code {code}"
