"""A study of Optuna that several processes may work on, and that outlives all of them."""

import math
import os
import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from vaescope.errors import ConfigError
from vaescope.run_folder.locking import is_free, locked
from vaescope.sweeps.samplers import distribution_of
from vaescope.sweeps.space import Space
from vaescope.sweeps.study_storage import alone, quiet

OWNERS = ".searchers"  # a folder for each process that searches, locked while it lives
_SEARCH = "search"  # attribute of a study: of what it is the search
OWNER = "owner"  # attribute of a trial: name, machine and folder of the process that has it
_AGAIN = "again"  # attribute of a trial: number of the failed one with the same values
_UNKNOWN = 1e30  # violation of a constraint on a score that is no number


class SharedStudy:
    """Trials of one search: who works on which, how many there are, what came of them.

    Args:
        study: of Optuna.
        space: to search.
        folder: of the sweep of this process.
        url: of the storage, if the user has named one.
    """

    def __init__(self, study: Study, space: Space, folder: Path, url: str | None) -> None:
        self.study, self.space, self.folder = study, space, folder
        self.distributions = {each.name: distribution_of(each) for each in space.parameters}
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.url = url

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Let other processes know that this one lives, as long as it does."""
        place = self.folder / OWNERS / self.name
        place.mkdir(parents=True, exist_ok=True)
        try:
            with locked(place):
                yield
        finally:
            place.rmdir()

    def refuse_another(self, search: Mapping[str, Any]) -> None:
        """Refuse a study that is another search; one that is new becomes this one.

        Args:
            search: what makes it this one, in words.

        Raises:
            ConfigError: with what differs.
        """
        with self._alone():
            before = self.study.user_attrs.get(_SEARCH)
            if before is None and not self.study.get_trials(deepcopy=False):
                before = dict(search)
                self.study.set_user_attr(_SEARCH, before)
        own = {"direction": [each.name.lower() for each in self.study.directions]}
        for key, now in search.items():
            then = ((before or {}) | own).get(key)
            if then != now:
                raise ConfigError(
                    f"the study {self.study.study_name!r} is another search: its {key}: "
                    f"{_listed(then)}; of this command: {_listed(now)}. Name another folder, or, "
                    "in the same storage, hydra.sweeper.study_name=NAME"
                )

    def claim(self, most: int, num_trials: int) -> list[Trial]:
        """Trials for this process to run: first those whose process has died, then new ones.

        Args:
            most: of them.
            num_trials: of the study in all.
        """
        with self._alone(), quiet():
            self._drop_torn()
            lost = [t for t in self._in(TrialState.RUNNING) if not self._is_alive(t)]
            claimed = [Trial(self.study, trial._trial_id) for trial in lost[:most]]
            room = min(most - len(claimed), num_trials - len(self.counted()))
            claimed += [self.study.ask(self.distributions) for _ in range(room)]
            for trial in claimed:
                trial.set_user_attr(OWNER, [self.name, platform.node(), str(self.folder)])
        return claimed

    def retry(self) -> None:
        """Queue the values of the trials that have failed once more."""
        with self._alone():
            for trial in self.counted():
                if trial.state is TrialState.FAIL:
                    self.study.enqueue_trial(trial.params, {_AGAIN: trial.number})

    def counted(self) -> list[FrozenTrial]:
        """Trials that count: not those that are queued, were made anew or had no job."""
        trials = self.study.get_trials(deepcopy=False)
        anew = {trial.user_attrs.get(_AGAIN) for trial in trials}
        return [
            trial
            for trial in trials
            if trial.number not in anew
            and trial.state is not TrialState.WAITING
            and (trial.state is not TrialState.FAIL or OWNER in trial.user_attrs)
        ]

    def elsewhere(self) -> list[FrozenTrial]:
        """Trials that other processes work on, as far as can be known."""
        running = [t for t in self._in(TrialState.RUNNING) if OWNER in t.user_attrs]
        return [t for t in running if t.user_attrs[OWNER][0] != self.name and self._is_alive(t)]

    def finish(
        self, trial: Trial, values: Sequence[float], violations: Mapping[str, float]
    ) -> None:
        """Tell what came of a trial.

        Args:
            trial: claimed by this process.
            values: of the objectives.
            violations: of the constraints, at most 0 where one is met; NaN: none is.
        """
        with quiet():
            for name, value in violations.items():
                trial.set_constraint(name, _UNKNOWN if math.isnan(value) else value)
            self.study.tell(trial, list(values))

    def prune(self, trial: Trial) -> None:
        """Tell that a trial was stopped early."""
        with quiet():
            self.study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, error: str) -> None:
        """Tell that a trial has failed, and why."""
        trial.set_user_attr("error", error)
        with quiet():
            self.study.tell(trial, state=TrialState.FAIL)

    def _alone(self) -> AbstractContextManager[None]:
        return alone(self.url, self.folder)

    def _in(self, state: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(state,))

    def _drop_torn(self) -> None:
        """Those of a process that died before it had said that it has them: they have no job."""
        for trial in self._in(TrialState.RUNNING):
            if OWNER not in trial.user_attrs:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_alive(self, trial: FrozenTrial) -> bool:
        """Whether the process that has a trial lives; of a machine out of sight it is believed."""
        name, machine, folder = trial.user_attrs[OWNER]
        places = [root / OWNERS / name for root in (self.folder, Path(folder))]
        if name == self.name or any(not is_free(place) for place in places):
            return True
        return bool(machine != platform.node() and not Path(folder).is_dir())


def _listed(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
