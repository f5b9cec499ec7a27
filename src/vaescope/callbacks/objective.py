"""Objective of a hyperparameter search: what a sweeper is told of a run."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl

from vaescope.callbacks.evaluate_split import Evaluation
from vaescope.files import write_json
from vaescope.run_folder.scores import OBJECTIVE
from vaescope.scores import LOGGED, PANEL_SCORES, name_of
from vaescope.scores.objective import names_of, no_score, objective_keys
from vaescope.statistics import Statistics


class Objective(pl.Callback):
    """Keeps the last validation scores in ``objective.json``, for a sweep that searches.

    It is the last evaluation of ``Evaluation``, or, without that callback, one of its own.

    Args:
        keys: scores that the sweep asks for, ``val/mig``.
        folder: where the file goes.
        statistics: for an evaluation of its own, by name.

    Raises:
        ConfigError: if the keys name no scores; and when training starts, if the first evaluation
            has none of such a name and later ones cannot have it.
    """

    def __init__(self, keys: Sequence[str], folder: str, statistics: Statistics) -> None:
        self.keys = objective_keys(keys)
        self.folder = Path(folder)
        self.statistics = statistics

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the first evaluation of ``Evaluation``, which stands before this in the list."""
        found = evaluation_of(trainer)
        if found is None or not found.history:
            return
        names = names_of(found.history)
        for key in self.keys:
            name = name_of(key)
            if name not in names and name not in LOGGED and name not in PANEL_SCORES:
                raise no_score(key, names)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the rows of the last evaluation, one a seed."""
        found = evaluation_of(trainer)
        if found is None:
            found = Evaluation(self.statistics)
            found.on_train_end(trainer, pl_module)
        last = found.history[-1]["step"] if found.history else None
        rows = [row for row in found.history if row["step"] == last]
        write_json(self.folder / OBJECTIVE, {"rows": rows})


def evaluation_of(trainer: pl.Trainer) -> Evaluation | None:
    """The run's own ``Evaluation``, if it has one."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next((c for c in callbacks if isinstance(c, Evaluation)), None)
