"""Where submitted jobs wait and work: Slurm's queue, or the processes of this machine."""

import logging
import os
import platform
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vaescope.errors import ConfigError
from vaescope.sweeps.forking import cores_here, threads_of_each, visible_gpus
from vaescope.sweeps.packing import Unit

log = logging.getLogger(__name__)

ASK_EVERY = 10.0  # seconds between two questions to Slurm
_PATIENCE = 60.0  # seconds that cancelled jobs may take to keep their states


@dataclass(frozen=True)
class Part:
    """Jobs that are submitted together.

    Attributes:
        units: the jobs.
        slot: place on the machine that they take.
        environment: variables that come with the place.
    """

    units: Sequence[Unit]
    slot: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class SlurmQueue:
    """Jobs of Slurm, of which its controller knows; accounting is not needed.

    Args:
        folder: in which all jobs in question were submitted.
    """

    place = "slurm"
    is_late = True  # it is asked every ASK_EVERY only

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._asked, self._held = -ASK_EVERY, set[str]()

    def slots(self, options: Mapping[str, Any], number: int) -> list[dict[str, str]]:
        """Places for jobs: Slurm has its own."""
        return []

    def parts(
        self, units: Sequence[Unit], slots: Sequence[dict[str, str]], taken: Collection[int]
    ) -> list[Part]:
        """What is submitted now: all jobs, as one array."""
        return [Part(units)] if units else []

    def submit(self, executor: Any, job: Any, arguments: Sequence[tuple[Any, ...]]) -> list[str]:
        """Submit jobs as one array; their names.

        Raises:
            ConfigError: with Slurm's reason if it does not take them.
        """
        self._asked = -ASK_EVERY
        try:
            made = executor.map_array(job, *zip(*arguments, strict=True))
        except RuntimeError as error:  # submitit's, with what sbatch has printed
            said = [line for line in str(error).splitlines() if line.strip()]
            raise ConfigError(f"Slurm takes no job of hydra.launcher: {said[-1]}") from error
        return [str(one.job_id) for one in made]

    def holds(self, names: Collection[str], now: bool = False) -> set[str]:
        """Which of the jobs are queued or at work.

        Args:
            names: of the jobs.
            now: whether what was told some seconds ago is too old.
        """
        if names and (now or time.monotonic() - self._asked >= ASK_EVERY):
            self._held = self._ask(names)
            self._asked = time.monotonic()
        return self._held & {*names}

    def _ask(self, names: Collection[str]) -> set[str]:
        command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "-o", "%i %o"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("Slurm does not answer (%s); its jobs are taken to be there", error)
            return {*names}
        pairs = [line.strip().partition(" ") for line in done.stdout.splitlines()]
        return {name for name, _, program in pairs if program.startswith(str(self.folder))}

    def stop(self, names: Collection[str], end: BaseException) -> None:
        """Cancel the jobs if the user stops the sweep; else they go on without this process."""
        held = self.holds(names, now=True)
        if getattr(end, "name", "") not in ("SIGINT", "SIGTERM"):
            log.info("%d jobs stay in Slurm's queue; the same command takes them up", len(held))
        elif held:
            log.info("cancelling %d jobs; each keeps its state", len(held))
            subprocess.run(["scancel", *sorted(held)], capture_output=True, check=False)
            until = time.monotonic() + _PATIENCE
            while self.holds(held, now=True) and time.monotonic() < until:
                time.sleep(1)


class ThisMachine:
    """Jobs whose processes submitit has started here.

    Args:
        folder: in which all jobs in question were submitted.
    """

    place = platform.node()
    is_late = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Any] = []

    def slots(self, options: Mapping[str, Any], number: int) -> list[dict[str, str]]:
        """Places for at most ``number`` jobs: variables that share out the cores and GPUs."""
        gpus, wanted = visible_gpus(), options.get("cpus_per_task")
        each = options.get("gpus_per_node") or 1
        places = len(gpus) // each if gpus else cores_here() // (wanted or 1)
        places = max(1, min(places, number))
        threads = str(min(threads_of_each(places), wanted or cores_here()))
        parts = [",".join(gpus[each * place : each * (place + 1)]) for place in range(places)]
        return [{"OMP_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": part} for part in parts]

    def parts(
        self, units: Sequence[Unit], slots: Sequence[dict[str, str]], taken: Collection[int]
    ) -> list[Part]:
        """What is submitted now: a job for each place that is free."""
        free = [slot for slot in range(len(slots)) if slot not in taken]
        return [Part([unit], slot, slots[slot]) for unit, slot in zip(units, free, strict=False)]

    def submit(self, executor: Any, job: Any, arguments: Sequence[tuple[Any, ...]]) -> list[str]:
        """Start jobs; the numbers of the processes that look after them."""
        with _ignoring_interrupt():
            made = executor.map_array(job, *zip(*arguments, strict=True))
        self._made += made
        return [str(one.job_id) for one in made]

    def holds(self, names: Collection[str], now: bool = False) -> set[str]:
        """Which of the jobs are at work.

        Args:
            names: of the jobs.
            now: as for Slurm; here it is always so.
        """
        self._made = [one for one in self._made if not one.done()]
        return {name for name in names if self._is_ours(int(name))}

    def _is_ours(self, number: int) -> bool:
        try:
            words = psutil.Process(number).cmdline()  # none: it has ended
        except psutil.Error:
            return False
        return "submitit.local._local" in words and words[-1].startswith(str(self.folder))

    def stop(self, names: Collection[str], end: BaseException) -> None:
        """Let the jobs keep their states and end."""
        for name in self.holds(names):
            os.kill(int(name), signal.SIGTERM)
        while self.holds(names):
            time.sleep(0.1)


@contextmanager
def _ignoring_interrupt() -> Iterator[None]:
    """Start processes that a terminal's Ctrl-C does not reach: their launcher passes it on."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
