"""Progress bar: loss terms and speed while a run goes on."""

import time
from statistics import fmean
from typing import Any

import pytorch_lightning as pl
import torch
from tqdm.auto import tqdm

from vaescope.callbacks.base import AfterUpdates, publish
from vaescope.ensemble import Ensemble
from vaescope.models import LatentModel
from vaescope.models.schedules import loss_of
from vaescope.progress_bars import progress_bar
from vaescope.ranges import Count, in_range


class Progress(AfterUpdates, pl.Callback):
    """A bar over the updates with the loss terms, which are logged as ``train/...`` as well.

    Terms are logged without their weights, these as ``train/weight_...``, targets as
    ``train/target_...``: those of the update that was just made. The loss is their weighted sum.
    With a schedule the learning rate is ``train/lr``.

    Args:
        every_n_steps: updates between two readings; a reading waits for the device.
        bar: whether to draw the bar.
    """

    @in_range
    def __init__(self, every_n_steps: Count = 50, bar: bool = True) -> None:
        self.every_n_steps = every_n_steps
        self.bar = bar
        self._display: tqdm | None = None
        self._since = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the bar, at the step from which a resumed run goes on."""
        self._since = (time.perf_counter(), trainer.global_step)
        if self.bar:
            total = trainer.estimated_stepping_batches
            known = None if total == float("inf") else int(total)
            self._display = progress_bar(known, "step", done=trainer.global_step)

    def on_update(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any) -> None:
        """Every ``every_n_steps`` updates, read the terms and pass them on."""
        step = trainer.global_step
        assert isinstance(module, LatentModel | Ensemble)
        now = time.perf_counter()
        speed = (step - self._since[1]) / (now - self._since[0])
        self._since = (now, step)
        settings, names = outputs["settings"], list(outputs["terms"])
        values = torch.stack(list(outputs["terms"].values())).reshape(len(names), -1).T.tolist()
        rate = {"lr": outputs["lr"]} if "lr" in outputs else {}
        rows = {}
        for seed, row in zip(module.seeds, values, strict=True):
            if not isinstance(module, Ensemble) or seed not in module.diverged:
                terms = dict(zip(names, row, strict=True))
                told = {"loss": loss_of(terms, settings), **terms, **settings, **rate}
                rows[seed] = {f"train/{name}": value for name, value in told.items()}
                rows[seed]["train/steps_per_second"] = speed
        publish(trainer, rows, step)
        if self._display is not None:
            shown = ["loss", *names] if rows else []
            means = {name: fmean(row[f"train/{name}"] for row in rows.values()) for name in shown}
            self._display.set_postfix({k: f"{v:.4g}" for k, v in means.items()}, refresh=False)
            self._display.update(step - self._display.n)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the bar as it stands."""
        if self._display is not None:
            self._display.update(trainer.global_step - self._display.n)
            self._display.close()
            self._display = None
