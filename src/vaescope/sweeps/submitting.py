"""``hydra/launcher=submitit_local`` and ``submitit_slurm``: jobs that outlive their launcher."""

import dataclasses
import logging
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, filter_overrides

from vaescope.config.overrides import word
from vaescope.errors import ConfigError
from vaescope.run_folder.locking import LOCK, is_free
from vaescope.sweeps.composing import SUBDIR
from vaescope.sweeps.journal import Journal, Submitted
from vaescope.sweeps.packing import Unit
from vaescope.sweeps.queues import Part, SlurmQueue, ThisMachine
from vaescope.sweeps.results import outcome_of
from vaescope.sweeps.states import State, state_of, written_to
from vaescope.sweeps.submitted import SubmittedJob

log = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks at the jobs


class SubmititEngine:
    """Submits jobs, takes up those that an earlier command has submitted, and waits for them.

    What came of a job is read from its folder, and whether it is still to be expected from the
    queue: a job that dies is noticed without Slurm's accounting and takes no other with it.

    Args:
        launcher: of Hydra's plugin.
        objective: the setting.

    Raises:
        ConfigError: for options with which no job could go on, or without Slurm.
    """

    def __init__(self, launcher: Any, objective: Any) -> None:
        self.launcher, self.objective = launcher, objective
        self.options: dict[str, Any] = launcher.params
        refuse_options(self.options)
        if launcher._EXECUTOR == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "hydra/launcher=submitit_slurm: there is no Slurm here (no sbatch); start it where "
                "jobs are submitted, or take hydra/launcher=submitit_local"
            )
        self.folder = _folder_of(self.options)
        kind = SlurmQueue if launcher._EXECUTOR == "slurm" else ThisMachine
        self.queue: SlurmQueue | ThisMachine = kind(self.folder)
        # submitit's files are pickles, which run code when they are read: their folder is new
        self.launch_folder = (
            self.folder / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{uuid.uuid4().hex[:8]}"
        )

    def held(self, journal: Journal) -> set[int]:
        """Numbers of the jobs that outlived the command that launched them."""
        folders = {journal.records[n].folder for n in self._taken_up(journal, journal.records)}
        return {n for n, record in journal.records.items() if record.folder in folders}

    def launch(self, journal: Journal, units: Sequence[Unit]) -> Sequence[JobReturn]:
        """Submit what no earlier command has, wait, and return what came of each.

        A signal that stops the sweep stops the jobs, which keep their states.
        """
        work = self._taken_up(journal, [unit.number for unit in units])
        waiting = [unit for unit in units if unit.number not in work]
        if work:
            log.info("%d jobs of an earlier command are queued or at work", len(work))
        slots = self.queue.slots(self.options, len(units))
        try:
            while waiting or work:
                for part in self.queue.parts(waiting, slots, {job.slot for job in work.values()}):
                    work |= self._submit(journal, part)
                    waiting = [unit for unit in waiting if unit not in part.units]
                time.sleep(EVERY)
                work = self._still(journal, work)
        except BaseException as end:
            self.queue.stop([job.name for job in work.values()], end)
            raise
        return [self._outcome(journal, unit) for unit in units]

    def _taken_up(self, journal: Journal, numbers: Iterable[int]) -> dict[int, Submitted]:
        """Jobs, by their numbers, that an earlier command has submitted and that are there."""
        there = journal.submitted
        jobs = {n: there[n] for n in numbers if n in there and there[n].place == self.queue.place}
        held = self.queue.holds([job.name for job in jobs.values()], now=True)
        return {number: job for number, job in jobs.items() if job.name in held}

    def _still(self, journal: Journal, work: Mapping[int, Submitted]) -> dict[int, Submitted]:
        """Jobs that the queue has, and that have not finished since it was asked."""
        held = self.queue.holds([job.name for job in work.values()])
        there = {number: job for number, job in work.items() if job.name in held}
        if not self.queue.is_late:
            return there
        states = {number: state_of(journal, journal.records[number]) for number in there}
        ended = (State.FINISHED, State.PRUNED)
        return {n: job for n, job in there.items() if states[n] not in ended}

    def _submit(self, journal: Journal, part: Part) -> dict[int, Submitted]:
        """Submit jobs and put on record under which names they are queued."""
        arguments = []
        for unit in part.units:
            words = [*unit.overrides, word(SUBDIR, unit.folder)]
            log.info("\t#%d : %s", unit.number, " ".join(filter_overrides(words)))
            place = (words, "hydra.sweep.dir", unit.number, str(unit.number))
            arguments.append((*place, Singleton.get_state()))
        job = SubmittedJob(self.launcher, part.environment)
        self.launch_folder.mkdir(parents=True, exist_ok=True)
        names = self.queue.submit(self._executor(), job, arguments)
        made = {
            unit.number: Submitted(name, self.queue.place, part.slot)
            for unit, name in zip(part.units, names, strict=True)
        }
        journal.add_submitted(made)
        return made

    def _executor(self) -> Any:
        """Submitit's, with the options of the launcher as Hydra's plugin hands them on."""
        import submitit
        from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

        cluster, made_with = self.launcher._EXECUTOR, ("python",)
        given = {f"{cluster}_{k}": self.options[k] for k in made_with if self.options.get(k)}
        executor = submitit.AutoExecutor(self.launch_folder / "%j", cluster=cluster, **given)
        shared = {one.name for one in dataclasses.fields(BaseQueueConf)}
        left_out = {*made_with, "submitit_folder", "max_num_timeout"}
        options = {k: v for k, v in self.options.items() if k not in left_out}
        if cluster == "slurm":  # else a cluster may refuse to queue it again
            options["additional_parameters"] = {"requeue": True} | options["additional_parameters"]
        executor.update_parameters(
            **{k if k in shared else f"{cluster}_{k}": v for k, v in options.items()}
        )
        return executor

    def _outcome(self, journal: Journal, unit: Unit) -> JobReturn:
        record = unit.records[0]
        folder = written_to(journal.folder / record.folder)
        if state_of(journal, record) is State.RUNNING and is_free(folder):
            (folder / LOCK).unlink(missing_ok=True)  # of a process that died on another machine
        job = journal.submitted.get(unit.number)
        logs = next(self.folder.glob(f"*/{job.name}"), self.folder) if job else self.folder
        return outcome_of(journal, record, self.objective, f"it ended before its time; see {logs}")


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse what would start a job several times, or stop it before it has begun.

    Raises:
        ConfigError: with the option.
    """
    for name in ("nodes", "tasks_per_node"):
        if (options.get(name) or 1) != 1:
            raise ConfigError(
                f"hydra.launcher.{name}={options[name]}: a job of a sweep is one process; give 1"
            )
    limit, before = 60 * options["timeout_min"], options.get("signal_delay_s", 0)
    if before >= limit:
        raise ConfigError(
            f"hydra.launcher.timeout_min={options['timeout_min']} is {limit} s, and "
            f"hydra.launcher.signal_delay_s={before} s before the end a job is told to stop; give "
            "a later moment or a longer time"
        )


def _folder_of(options: Mapping[str, Any]) -> Path:
    """Where all launches of the sweep have their files."""
    parts = Path(str(options["submitit_folder"])).expanduser().absolute().parts
    return Path(*parts[: next((n for n, p in enumerate(parts) if "%" in p), len(parts))])
