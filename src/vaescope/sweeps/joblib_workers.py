"""``hydra/launcher=joblib``: a worker that dies ends joblib's pool, but not the sweep."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from vaescope.config.overrides import word
from vaescope.run_folder.contents import ERROR, REPORT
from vaescope.run_folder.locking import LOCK
from vaescope.stopping import Stopped
from vaescope.sweeps.composing import SUBDIR
from vaescope.sweeps.forking import threads_of_each
from vaescope.sweeps.journal import Journal
from vaescope.sweeps.packing import Unit
from vaescope.sweeps.results import outcome_of
from vaescope.sweeps.states import written_to


class JoblibEngine:
    """Runs jobs in joblib's pool, and in another one when a worker has died.

    joblib then ends all workers and throws away what has come of the jobs. What became of them is
    in their folders: those that were at work are killed, the others are run.

    Args:
        launcher: of Hydra's plugin.
        objective: the setting.
    """

    def __init__(self, launcher: Any, objective: Any) -> None:
        self.launcher, self.objective = launcher, objective
        launcher.task_function = InWorker(launcher.task_function, os.getpid())

    def held(self, journal: Journal) -> set[int]:
        """Numbers of the jobs that outlived the command that launched them: none."""
        return set()

    def launch(self, journal: Journal, units: Sequence[Unit]) -> Sequence[JobReturn]:
        """Run them and return what came of each."""
        returned: dict[int, JobReturn] = {}
        left = list(units)
        while left:
            since = time.time() - 1  # of coarse clocks of files
            try:
                returned |= self._run_in_pool(left)
                break
            except BrokenProcessPool:
                begun = [unit for unit in left if _has_begun(journal, unit, since)] or left
                how = "it, or a job beside it, was killed, and joblib ended all that were at work"
                for unit in begun:
                    returned[unit.number] = outcome_of(
                        journal, unit.records[0], self.objective, how
                    )
                left = [unit for unit in left if unit not in begun]
        return [returned[unit.number] for unit in units]

    def _run_in_pool(self, units: Sequence[Unit]) -> dict[int, JobReturn]:
        from joblib import effective_n_jobs

        words = [[*unit.overrides, word(SUBDIR, unit.folder)] for unit in units]
        slots = min(effective_n_jobs(self.launcher.joblib.get("n_jobs", -1)), len(units))
        with environment(OMP_NUM_THREADS=str(threads_of_each(slots))):
            results = self.launcher.launch(words, initial_job_idx=units[0].number)
        return {unit.number: result for unit, result in zip(units, results, strict=True)}


class InWorker:
    """The program, in a process that ends with the one that asked for it.

    Args:
        function: the program.
        launcher: process that asked for it.
    """

    watched = False  # of the process

    def __init__(self, function: Callable[[DictConfig], Any], launcher: int) -> None:
        self.function, self.launcher = function, launcher

    def __call__(self, config: DictConfig) -> Any:
        """Run a job; without its launcher no other follows."""
        if os.getpid() == self.launcher:  # with n_jobs=1 joblib has no workers
            return self.function(config)
        if not InWorker.watched:
            InWorker.watched = True
            threading.Thread(target=self._end_with_launcher, daemon=True).start()
        try:
            return self.function(config)
        except Stopped as stop:
            if os.getppid() != self.launcher:  # joblib would begin the next job that it has here
                os._exit(int(stop.code or 0))
            raise

    def _end_with_launcher(self) -> None:
        while os.getppid() == self.launcher:
            time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables of the processes that are started in a block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _has_begun(journal: Journal, unit: Unit, since: float) -> bool:
    """Whether a process has worked in its folder since then: it has left its lock or its end."""
    folder = written_to(journal.folder / unit.folder)
    names = (LOCK, ERROR, REPORT)
    times = [(folder / name).stat().st_mtime for name in names if (folder / name).is_file()]
    return max(times, default=0.0) >= since
