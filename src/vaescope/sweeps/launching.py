"""In front of every launcher: put jobs on record, and launch those that are missing."""

import logging
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from vaescope.config.devices import refuse_in_sweep
from vaescope.errors import ConfigError, JobKilledError, RunsFailedError, VaescopeError, first_line
from vaescope.run_folder.locking import locked, wait_until_free
from vaescope.scores.objective import DEFAULT
from vaescope.sweeps.composing import ComposedOnce
from vaescope.sweeps.engines import engine_of
from vaescope.sweeps.journal import JobRecord, Journal
from vaescope.sweeps.packing import Unit, is_refused, pack_seeds, units_of, unpack
from vaescope.sweeps.results import value_of
from vaescope.sweeps.search import is_search
from vaescope.sweeps.states import Job, State, read_job, written_to
from vaescope.sweeps.watching import Standing, Watch

log = logging.getLogger(__name__)

TARGET = "hydra_plugins.vaescope_launchers.RecordedLauncher"
# launchers whose jobs print into files, so that the terminal is free for a table
QUIET = (".ForkLauncher", ".LocalLauncher", ".RayLauncher", ".SlurmLauncher")
_NUMBER = "${hydra:job.num}"


def install(config: DictConfig) -> None:
    """Put ``RecordedLauncher`` in front of the launcher that the user has chosen.

    Args:
        config: of a sweep; its ``hydra.launcher`` is replaced until that is made.
    """
    node = {"_target_": TARGET, "_recursive_": False, "launcher": config.hydra.launcher}
    with read_write(config), open_dict(config):
        config.hydra.launcher = node


class RecordedLauncher(Launcher):
    """Launches what a sweep lacks, by the launcher that the user has chosen.

    Every sweeper of Hydra asks for a launcher in the same way, so what stands here holds for all:
    each job is on record before it runs; what has finished is not run again but gives its value;
    what was begun goes on in its folder.

    Args:
        launcher: configuration of the user's launcher.
    """

    folder: ClassVar[Path | None] = None  # of the sweep of this process

    def __init__(self, launcher: DictConfig) -> None:
        self.node, self._target = launcher, str(launcher.get("_target_"))
        self._trials: dict[int, int] = {}  # of a search, by the number of the job

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Give the configuration its own launcher back, and make that."""
        with read_write(config), open_dict(config):
            config.hydra.launcher = self.node
        self.config, self.loader = config, ComposedOnce(hydra_context.config_loader)
        hydra_context.config_loader = self.loader  # type: ignore
        self.inner = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.engine = engine_of(self.inner, config)
        self.loader.only_checks = True
        self.journal: Journal | None = None

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs that have not finished.

        Args:
            job_overrides: words of each job.
            initial_job_idx: number that the sweeper gives the first of them.

        Returns:
            What came of each, also of those that had finished before.

        Raises:
            RunFolderError: if another process works on this sweep.
            ConfigError: if a job was to have several devices.
        """
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        records, returned = self._complete(job_overrides, numbers)
        return [returned[record.number] for record in records]

    def launch_trials(self, trials: Mapping[int, Sequence[str]]) -> list[Job]:
        """Run those jobs of a study's trials that have not finished.

        Args:
            trials: words of each by its number, which its folder gets if that is free.

        Returns:
            What their folders say then, in the same order.
        """
        records, _ = self._complete(list(trials.values()), list(trials), of_study=True)
        assert self.journal is not None
        return [read_job(self.journal, self.journal.records[each.number]) for each in records]

    def _complete(
        self, job_overrides: Sequence[Sequence[str]], numbers: Sequence[int], of_study: bool = False
    ) -> tuple[list[JobRecord], dict[int, JobReturn]]:
        """Run what is missing of some jobs; their records, and what came of them by number."""
        with self.loader.for_jobs():
            self._refuse_several_devices(job_overrides)
        folder = Path(self.config.hydra.sweep.dir).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        RecordedLauncher.folder = folder
        with self.loader.for_jobs(), self._alone(folder):
            if self.journal is None:
                self.journal = Journal(folder)
            records = self._recorded(self.journal, job_overrides, numbers)
            if of_study:
                pairs = zip(records, numbers, strict=True)
                self._trials = {record.number: number for record, number in pairs}
            jobs = {record.number: read_job(self.journal, record) for record in records}
            missing = [job.record for _, job in sorted(jobs.items()) if self._is_missing(job)]
            if len(missing) < len(jobs):
                log.info("%d of %d jobs are missing in %s", len(missing), len(jobs), folder)
            finished = sum(job.state is State.FINISHED for job in jobs.values())
            standing = Standing(self.journal, missing, self.config.objective, finished)
            with Watch(standing, live=self._target.endswith(QUIET), lines=not of_study):
                returned = self._run(self.journal, missing)
            for job in jobs.values():
                if job.record.number not in returned:
                    returned[job.record.number] = self._returned(job)
            return records, returned

    def _refuse_several_devices(self, job_overrides: Sequence[Sequence[str]]) -> None:
        """Before a job is on record; what else chooses devices is found when a job runs."""
        chosen = {tuple(w for w in words if w.startswith("trainer")) for words in job_overrides}
        for words in chosen:
            refuse_in_sweep(self.loader.load_sweep_config(self.config, words).trainer)

    def _alone(self, folder: Path) -> AbstractContextManager[None]:
        """A grid has one process at a time; those of a search may share a study and its folder."""
        return nullcontext() if is_search(self.config.hydra) else locked(folder)

    def _recorded(
        self, journal: Journal, job_overrides: Sequence[Sequence[str]], numbers: Sequence[int]
    ) -> list[JobRecord]:
        """The record of each job, made where there is none."""
        records: list[JobRecord] = []
        new: dict[str, JobRecord] = {}
        search = is_search(self.config.hydra)
        with journal.alone():
            journal.add_command(_command())
            taken = set(journal.records)
            free = max(taken, default=-1) + 1
            for wanted, overrides in zip(numbers, job_overrides, strict=True):
                words = tuple(w for w in overrides if not w.startswith("sweep."))
                mark = self.loader.identity(self.config, words)
                record = journal.by_identity.get(mark) or new.get(mark)
                if record is None:
                    number = wanted if search and wanted not in taken else free
                    free = max(free, number + 1)
                    taken.add(number)
                    record = JobRecord(number, mark, words, self._subdir(words, number))
                    new[mark] = record
                records.append(record)
            journal.add_jobs(new.values())
        return records

    def _subdir(self, words: Sequence[str], number: int) -> str:
        """The folder that a job would have as the sweep's job of this number."""
        node: Any = OmegaConf.to_container(self.config.hydra.sweep, resolve=False)
        if node["subdir"] == _NUMBER:
            return str(number)
        config = self.loader.load_sweep_config(self.config, words)
        before = HydraConfig.instance().cfg
        with read_write(config), open_dict(config):
            config.hydra.job.num, config.hydra.job.id = number, str(number)
        try:
            HydraConfig.instance().set_config(config)
            return str(config.hydra.sweep.subdir)
        finally:
            HydraConfig.instance().cfg = before

    def _is_missing(self, job: Job) -> bool:
        if job.state is State.FAILED:
            return job.killed or bool(self.config.sweep.retry)
        return job.state not in (State.FINISHED, State.PRUNED)

    def _run(self, journal: Journal, records: Sequence[JobRecord]) -> dict[int, JobReturn]:
        """Launch jobs; what came of each, by its number."""
        held = self.engine.held(journal)  # their launcher was killed, but they were not
        free = [record for record in records if record.number not in held]
        places = [written_to(journal.folder / record.folder) for record in free]
        if is_search(self.config.hydra):  # another process may have the same trial
            wait_until_free(places, math.inf)
        wait_until_free(places)
        before = {record.number: record.folder for record in records}
        if _pack_of(self.config):
            free = pack_seeds(journal, free, lambda words: self.loader.identity(self.config, words))
        units = units_of(journal, [*free, *(each for each in records if each.number in held)])
        units = [replace(unit, trial=self._trials.get(unit.number)) for unit in units]
        results = self._launch(journal, units)
        refused = [unit for unit in units if is_refused(journal, unit, results[unit.number])]
        if refused:
            log.info("packs that can be no ensemble, run as single jobs: %d", len(refused))
            units = [unit for unit in units if unit not in refused]
            single = [each for unit in refused for each in unpack(journal, unit, before)]
            results |= self._launch(journal, single)
            units += single
        returned: dict[int, JobReturn] = {}
        for unit in units:
            result = results[unit.number]
            for record in unit.records:
                of_pack = record.pack is not None and result.status is JobStatus.COMPLETED
                returned[record.number] = (
                    self._returned(read_job(journal, record)) if of_pack else result
                )
        return returned

    def _launch(self, journal: Journal, units: Sequence[Unit]) -> dict[int, JobReturn]:
        """Have the user's launcher run what is to be run; by the number of each."""
        serial = self._target.endswith(".BasicLauncher")
        returned: dict[int, JobReturn] = {}
        for group in _runs_of_numbers(units) if serial else [[*units]] if units else []:
            journal.add_launch(record.number for unit in group for record in unit.records)
            results = self.engine.launch(journal, group)
            for unit, result in zip(group, results, strict=True):
                returned[unit.number] = result
                error = result._return_value
                if result.status is JobStatus.FAILED and isinstance(error, JobKilledError):
                    for record in unit.records:
                        journal.add_killed(record.number, first_line(error))
        return returned

    def _objective(self) -> Any:
        given = self.config.objective
        return DEFAULT if given is None and is_search(self.config.hydra) else given

    def _returned(self, job: Job) -> JobReturn:
        """What a sweeper is told of a job that was not run now."""
        result = JobReturn(overrides=job.record.overrides, status=JobStatus.COMPLETED)
        try:
            if job.state is State.FAILED:
                raise RunsFailedError(
                    f"job {job.name} failed before: {job.error}; "
                    f"run it again with: vaescope sweep retry {RecordedLauncher.folder}"
                )
            result.return_value = value_of(job, self._objective())
        except VaescopeError as error:
            result.status, result.return_value = JobStatus.FAILED, error
        return result


def _command() -> list[str]:
    """The words of this process, but for those that say where and what to do again."""
    own = ("hydra.sweep.dir=", "sweep.resume=", "sweep.retry=")
    return [word for word in sys.argv[1:] if not word.startswith(own)]


def _pack_of(config: DictConfig) -> bool:
    """Whether seeds are to be packed.

    Raises:
        ConfigError: for anything else that was to be.
    """
    if config.sweep.pack not in (None, "seed"):
        raise ConfigError(f"config.sweep.pack: {config.sweep.pack!r} was given; give seed, or null")
    return config.sweep.pack is not None


def _runs_of_numbers(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Those whose numbers follow each other: a launcher counts from the first one's."""
    for _, group in groupby(enumerate(units), key=lambda pair: pair[1].number - pair[0]):
        yield [unit for _, unit in group]
