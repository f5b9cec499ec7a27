"""Gradient accumulation and logging, as all callbacks need them."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch

from vaescope.loggers import MetricsFile

Rows = Mapping[int, Mapping[str, float]]


class AfterUpdates:
    """Gradient accumulation: a hook behind batches that end in an update; not each one does.

    Several updates may be made in one call (``vaescope.updates``); it ends where a hook is due.
    """

    every_n_steps = 0  # updates between two calls of the hook; 0: behind every call

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Call ``on_update`` when it is time."""
        made = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
        if made and trainer.global_step % max(1, self.every_n_steps) == 0:
            self.on_update(trainer, pl_module, outputs)

    def on_update(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any) -> None:
        """What a callback does behind an update."""
        raise NotImplementedError


def publish(trainer: pl.Trainer, rows: Rows, step: int) -> None:
    """Give numbers to every logger, and their means to callbacks that monitor a key.

    ``LightningModule.log`` costs about 0.35 ms a call and step; this is called every k steps.

    Args:
        trainer: of the run.
        rows: the numbers of each member by its seed; of a single model: one row.
        step: number of updates so far.
    """
    shared = summary(rows)
    for logger in trainer.loggers:
        if isinstance(logger, MetricsFile):
            logger.log_rows(rows, step)
        else:
            logger.log_metrics(dict(shared), step)
    trainer.callback_metrics.update({key: torch.tensor(value) for key, value in shared.items()})


def summary(rows: Rows) -> dict[str, float]:
    """One model's numbers; of several: means, ``KEY_std`` (spread) and ``seed_S/KEY`` (members)."""
    if len(rows) == 1:
        return dict(next(iter(rows.values())))
    numbers: dict[str, float] = {}
    for key in dict.fromkeys(key for row in rows.values() for key in row):
        values = torch.tensor([row[key] for row in rows.values() if key in row]).double()
        numbers[key] = float(values.mean())
        numbers[f"{key}_std"] = float(values.std()) if len(values) > 1 else 0.0
    for seed, row in rows.items():
        numbers |= {f"seed_{seed}/{key}": value for key, value in row.items()}
    return numbers
