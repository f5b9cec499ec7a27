"""The launcher ``fork``: jobs side by side on this machine, each in a process of its own."""

import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait

from hydra.core.utils import JobReturn, configure_log
from omegaconf import DictConfig

from vaescope.errors import ConfigError
from vaescope.stopping import Stopped
from vaescope.sweeps.job_processes import JobProcess, ProcessLauncher, stop

log = logging.getLogger(__name__)


class ForkLauncher(ProcessLauncher):
    """Runs jobs side by side on this machine, each in a process of its own.

    A job begins in hundredths of a second, shares nothing with another job, and takes none with it
    when it dies. What it prints goes to ``output.txt`` in its folder.

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
        most = jobs_at_a_time(self.n_jobs, self.jobs_per_gpu, len(gpus))
        slots = min(most, len(job_overrides))
        threads = threads_of_each(slots, self.threads)
        where = f", GPUs {','.join(gpus)}" if gpus else ""
        log.info(
            "%d jobs, %d at a time, torch threads: %d%s", len(job_overrides), slots, threads, where
        )
        free, waiting = list(range(slots)), list(enumerate(job_overrides))
        running: list[_Running] = []
        returned: dict[int, JobReturn] = {}
        try:
            while waiting or running:
                while free and waiting:
                    place, overrides = waiting.pop(0)
                    slot = free.pop(0)
                    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
                    if gpus:
                        environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
                    task = self.composer.task(overrides, initial_job_idx + place, environment)
                    running.append(_Running(place, slot, task.config, JobProcess(task)))
                wait([one.process.end for one in running])
                for one in [each for each in running if not each.process.is_alive()]:
                    running.remove(one)
                    free.append(one.slot)
                    outcome = one.process.outcome()
                    returned[one.place] = outcome.returned(job_overrides[one.place], one.config)
        except BaseException as end:
            stop([one.process for one in running], _signal_of(end))
            raise
        return [returned[place] for place in range(len(job_overrides))]


@dataclass
class _Running:
    """A job at work."""

    place: int
    slot: int
    config: DictConfig
    process: JobProcess


def jobs_at_a_time(n_jobs: int | None, jobs_per_gpu: int, num_gpus: int | None = None) -> int:
    """Jobs that run side by side: as asked for, else so many a GPU, else one a core."""
    gpus = len(visible_gpus()) if num_gpus is None else num_gpus
    return n_jobs or gpus * jobs_per_gpu or cores_here()


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


def _signal_of(end: BaseException) -> int:
    """The signal that jobs get when their launcher ends by this; the same, but for Ctrl-C."""
    number = end.code - 128 if isinstance(end, Stopped) and isinstance(end.code, int) else 0
    # the terminal's Ctrl-C has reached them already
    return signal.SIGTERM if number in (0, signal.SIGINT) else number
