"""The trial of a job, as the process of the job sees it: it hears values, and may end the trial."""

import logging
import platform
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from vaescope.errors import ConfigError
from vaescope.sweeps.samplers import make_pruner
from vaescope.sweeps.study_storage import quiet, storage_of

log = logging.getLogger(__name__)


class TrialReports:
    """Reports values of a trial to its study, in whichever process that is.

    Args:
        sweeper: settings of ``hydra/sweeper=optuna``.
        folder: of the sweep.
        number: of the trial.

    Raises:
        ConfigError: if the machine of the job does not see the study.
    """

    def __init__(self, sweeper: Any, folder: Path, number: int) -> None:
        with quiet():
            try:
                self.study = optuna.load_study(
                    study_name=str(sweeper.study_name),
                    storage=storage_of(sweeper.storage, folder),
                    sampler=RandomSampler(),  # draws nothing here
                    pruner=make_pruner(sweeper.pruner, sweeper.pruner_options or {}),
                )
            except KeyError as error:
                raise ConfigError(
                    f"{platform.node()} does not see the study {sweeper.study_name!r}, which a job "
                    "asks whether it is to be pruned: name a storage that all machines see with "
                    "hydra.sweeper.storage=, or leave hydra.sweeper.pruner out"
                ) from error
            found = self.study.get_trials(deepcopy=False)[number]
            self.trial = Trial(self.study, found._trial_id)
        self.known = set(found.intermediate_values)  # before the job was killed
        self.is_open = found.state is TrialState.RUNNING

    def __call__(self, step: int, value: float) -> bool:
        """Report the value of the objective at a step; whether the trial is to be stopped."""
        if not self.is_open:
            return False
        try:
            with quiet():
                if step not in self.known:
                    self.trial.report(value, step)
                return self.trial.should_prune()
        except (StorageInternalError, SQLAlchemyError) as error:
            log.warning("the study cannot be reached, so the trial goes on: %s", error)
            return False
