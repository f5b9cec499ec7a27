"""Pruning: a trial of a search whose evaluations promise nothing is stopped early."""

from collections.abc import Callable

import pytorch_lightning as pl

from vaescope.callbacks.base import AfterUpdates
from vaescope.callbacks.objective import evaluation_of
from vaescope.errors import ConfigError
from vaescope.scores.objective import names_of, no_score, objective_values


class PrunedError(Exception):
    """The run was stopped early, as it promises nothing.

    Args:
        step: number of updates so far.
        value: of the objective there.
    """

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"stopped early at step {step}")
        self.step, self.value = step, value


class Pruning(AfterUpdates, pl.Callback):
    """Reports the objective of each evaluation after the first update, and stops when told to.

    Args:
        key: of the objective: ``val/mig``.
        report: takes a step and a value; says whether to stop.
    """

    def __init__(self, key: str, report: Callable[[int, float], bool]) -> None:
        self.key, self.report = key, report

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Refuse a run that evaluates nothing on its way.

        Raises:
            ConfigError: without ``Evaluation``.
        """
        if evaluation_of(trainer) is None:
            raise ConfigError("hydra.sweeper.pruner needs evaluations: callbacks=[evaluation,...]")

    def on_update(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: object) -> None:
        """Report, if this update was followed by an evaluation.

        Raises:
            PrunedError: if the run is to be stopped.
        """
        found, step = evaluation_of(trainer), trainer.global_step
        rows = [row for row in found.history if row["step"] == step] if found else []
        if not rows:
            return
        value = objective_values([self.key], [], rows)[self.key]
        if value is None:
            raise no_score(self.key, names_of(rows))
        if self.report(step, value):
            raise PrunedError(step, value)
