"""``hydra/sweeper=optuna``: trials of a study that is resumed, shared and never loses one."""

import math
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from vaescope.config.comparing import OF_THE_MACHINE
from vaescope.errors import ConfigError, DataError, RunsFailedError, first_line
from vaescope.run_folder.scores import read_validated
from vaescope.scores.objective import DEFAULT, objective_keys
from vaescope.sweeps.constraints import constraints_of, violations_of
from vaescope.sweeps.forking import jobs_at_a_time
from vaescope.sweeps.launching import RecordedLauncher
from vaescope.sweeps.points import checked_space, plain, record_sweep, refuse_below
from vaescope.sweeps.results import value_of
from vaescope.sweeps.space import Space
from vaescope.sweeps.states import Job, State
from vaescope.sweeps.study_file import write_study

if TYPE_CHECKING:
    from optuna.trial import Trial

    from vaescope.sweeps.shared_study import SharedStudy

MOST_KILLS = 3  # of the same trial: what kills it may be what it asks for


class OptunaSweeper(Sweeper):
    """Searches by Optuna: each trial is a job, whose values choose the next ones.

    ``n_trials`` counts those of the study in all, so that the same command completes it. A trial
    whose process was killed is run again under its own number, from its checkpoint.

    Args:
        n_trials: of the study in all, failed and pruned ones, too.
        n_jobs: trials at a time; None: as many jobs as the launcher runs side by side.
        sampler: ``tpe``, ``random``, ``gp``, ``nsga2``, ``qmc`` or ``grid``; None:
            ``tpe`` for one objective, else ``nsga2``.
        sampler_options: of its constructor.
        seed: of its random numbers.
        direction: ``minimize`` or ``maximize``, or one for each objective; None: by their records.
        constraints: scores and their bounds, ``{val/active_latents: ">= 5"}``.
        pruner: stops trials by their evaluations: ``median``, ``percentile``, ``halving``,
            ``hyperband``, ``threshold``; None: none is stopped.
        pruner_options: of its constructor.
        max_failures: trials that may fail one after the other; None: all may.
        storage: URL of a database, or ``journal:FILE``; None: ``study.db`` in the sweep's folder.
        study_name: by which the storage knows the study.
        params: words of the space, by the names of settings, beside those of the command line.

    Raises:
        ConfigError: for a number out of range, or without Optuna.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int | None = None,
        sampler: str | None = None,
        sampler_options: Any = None,
        seed: int = 0,
        direction: Any = None,
        constraints: Any = None,
        pruner: str | None = None,
        pruner_options: Any = None,
        max_failures: int | None = None,
        storage: str | None = None,
        study_name: str = "vaescope",
        params: Any = None,
    ) -> None:
        if find_spec("optuna") is None:
            raise ConfigError("hydra/sweeper=optuna needs: pip install 'vaescope[sweep]'")
        refuse_below("n_trials", n_trials, 1)
        refuse_below("seed", seed, 0)
        for name, number in {"n_jobs": n_jobs, "max_failures": max_failures}.items():
            if number is not None:
                refuse_below(name, number, 1)
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed
        self.sampler, self.sampler_options = sampler, plain(sampler_options) or {}
        self.direction, self.constraints = direction, constraints_of(plain(constraints))
        self.pruner, self.pruner_options = pruner, plain(pruner_options) or {}
        self.max_failures, self.storage, self.study_name = max_failures, storage, study_name
        self.params = params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        assert isinstance(launcher, RecordedLauncher)
        self.attach(hydra_context, config, launcher)

    def attach(
        self, hydra_context: HydraContext, config: DictConfig, launcher: RecordedLauncher
    ) -> None:
        """Take a launcher that is made already."""
        self.hydra_context, self.config, self.launcher = hydra_context, config, launcher
        objective = DEFAULT if config.objective is None else config.objective
        self.keys = objective_keys(objective)
        self.folder = Path(config.hydra.sweep.dir).resolve()

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials that are missing, and say what was found.

        Args:
            arguments: words of the command line.

        Raises:
            RunsFailedError: if too many have failed one after the other.
        """
        assert self.config is not None
        space = checked_space(arguments, self.params, self.hydra_context, self.config)
        directions = self._directions()
        if self.pruner is not None and (len(self.keys) > 1 or self.keys[0][:4] != "val/"):
            raise ConfigError("hydra.sweeper.pruner needs one objective, of the validation part")
        if self.pruner is not None and self.config.sweep.pack:
            raise ConfigError(
                "hydra.sweeper.pruner stops trials one by one, and sweep.pack=seed trains them "
                "together: leave one of them out"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        RecordedLauncher.folder = self.folder  # of which a table is printed at the end
        study = self._open(space, directions)
        record_sweep(self.config)
        if self.config.sweep.retry:
            study.retry()
        try:
            with study.owned():
                self._search(study)
        finally:
            self._write(study, directions)

    def _directions(self) -> list[str]:
        given = plain(self.direction)
        named = [given] if isinstance(given, str) else [*(given or ())]
        if len(named) != len(self.keys) or {*named} - {"minimize", "maximize"}:
            raise ConfigError(
                f"hydra.sweeper.direction={given}: say minimize or maximize for each of "
                f"{', '.join(self.keys)}"
            )
        return named

    def _open(self, space: Space, directions: Sequence[str]) -> "SharedStudy":
        """The study, begun or gone on with."""
        from optuna.study import StudyDirection, create_study

        from vaescope.sweeps.samplers import make_pruner, make_sampler, values_of
        from vaescope.sweeps.shared_study import SharedStudy
        from vaescope.sweeps.study_storage import alone, quiet, storage_of

        name = self.sampler or ("tpe" if len(self.keys) == 1 else "nsga2")
        pruner = make_pruner(self.pruner, self.pruner_options)
        with quiet(), alone(self.storage, self.folder):
            sampler = make_sampler(name, self.seed, self.sampler_options, space)
            study = create_study(
                storage=storage_of(self.storage, self.folder),
                study_name=self.study_name,
                sampler=sampler,
                pruner=pruner,
                directions=[StudyDirection[each.upper()] for each in directions],
                load_if_exists=True,
            )
        if name == "grid":
            self.n_trials = min(
                self.n_trials, math.prod(map(len, map(values_of, space.parameters)))
            )
        words = [w for w in space.fixed if w.partition("=")[0] not in OF_THE_MACHINE]
        shared = SharedStudy(study, space, self.folder, self.storage)
        shared.refuse_another(
            {
                "objective": self.keys,
                "direction": [*directions],
                "space": [f"{each.name}={each}" for each in space.parameters],
                "settings": sorted(word for word in words if not word.startswith("sweep.")),
            }
        )
        return shared

    def _search(self, study: "SharedStudy") -> None:
        from vaescope.sweeps.search_results import progress_of
        from vaescope.sweeps.shared_study import OWNER

        assert isinstance(self.launcher, RecordedLauncher)
        assert self.config is not None
        most = self.n_jobs or _side_by_side(self.config.hydra.launcher)
        kills: Counter[int] = Counter()
        killed: list[Trial] = []
        failures = 0
        while trials := killed + study.claim(most - len(killed), self.n_trials):
            jobs = self.launcher.launch_trials(
                {trial.number: study.space.words(trial.params) for trial in trials}
            )
            killed = []
            for trial, job in zip(trials, jobs, strict=True):
                if _is_killed(job) and kills[trial.number] < MOST_KILLS:
                    kills[trial.number] += 1
                    killed.append(trial)
                    continue
                error = self._tell(study, trial, job)
                failures = failures + 1 if error else 0
                if failures == self.max_failures:
                    raise RunsFailedError(
                        f"the last {failures} trials have failed (trial {trial.number}: {error}); "
                        "mend what fails and go on with: vaescope sweep retry "
                        f"{self.folder}, or let any number fail: hydra.sweeper.max_failures=null"
                    )
            print(progress_of(study, self.keys, self.n_trials), flush=True)
        if others := study.elsewhere():
            places = ", ".join(sorted({trial.user_attrs[OWNER][2] for trial in others}))
            print(
                f"{len(others)} trials are at work in other processes ({places}); if one of those "
                f"is lost, make more: hydra.sweeper.n_trials={self.n_trials + len(others)}"
            )

    def _tell(self, study: "SharedStudy", trial: "Trial", job: Job) -> str:
        """Tell the study what came of a trial; why it failed, or nothing."""
        trial.set_user_attr("job", job.record.folder)
        if job.state is State.PRUNED:
            study.prune(trial)
            return ""
        error = job.error
        if job.state is State.FINISHED:
            try:
                value = value_of(job, self.keys)
                broken = violations_of(self.constraints, job.rows, read_validated(job.folder))
                values = [*value] if isinstance(value, tuple) else [float(value or 0.0)]
                error = ", ".join(
                    f"{key} is {value}"
                    for key, value in zip(self.keys, values, strict=True)
                    if math.isnan(value)
                )
            except (ConfigError, DataError) as mistake:
                error = first_line(mistake)
            if not error:
                study.finish(trial, values, broken)
                return ""
        study.fail(trial, error)
        return error or str(job.state)

    def _write(self, study: "SharedStudy", directions: Sequence[str]) -> None:
        from vaescope.sweeps.search_results import found_by

        objectives = dict(zip(self.keys, directions, strict=True))
        write_study(self.folder, found_by(study, objectives, self.constraints))


def _is_killed(job: Job) -> bool:
    """Whether its process ended by no word of its own, so that it may go on."""
    return job.killed or job.state in (State.STOPPED, State.PENDING, State.RUNNING)


def _side_by_side(launcher: DictConfig) -> int:
    """Jobs that a launcher runs at a time."""
    if str(launcher.get("_target_")).endswith(".BasicLauncher"):
        return 1
    named = launcher.get("n_jobs")
    if isinstance(named, int) and named > 0:
        return named
    return jobs_at_a_time(None, launcher.get("jobs_per_gpu") or 1)
