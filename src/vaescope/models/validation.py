"""Validation and logging under a plain ``pl.Trainer``, where no callback of vaescope does it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from vaescope.minibatch import Batch, on_tensors
from vaescope.models.schedules import loss_of


class Validation(pl.LightningModule):
    """Loss terms as ``train/...``, ``val/...`` and ``test/...``, for callbacks that monitor a key.

    Terms are logged without their weights, ``loss`` is their weighted sum at this step, and
    ``loss_final_weights`` that with the weights and targets that all schedules end at.

    Attributes:
        logs_updates: whether a training step logs its terms; ``vaescope train`` has a callback
            that does, for members of ensembles too.
        schedule_steps: number of updates of which schedules take a share; that of the trainer
            where it is None at the start.
    """

    logs_updates: bool
    schedule_steps: int | None
    noise_for: Callable[..., dict[str, Tensor]]

    def on_fit_start(self) -> None:
        """Take the number of updates from the trainer, if schedules ask for it."""
        updates = self.trainer.estimated_stepping_batches if self.schedule_steps is None else None
        if updates is not None and 0 < updates < float("inf"):
            self.schedule_steps = int(updates)

    def log_update(self, outcome: Mapping[str, Any]) -> None:
        """Log the terms of an update, where the trainer's loggers take them."""
        trainer: Any = self.trainer
        if not self.logs_updates or (self.global_step + 1) % trainer.log_every_n_steps:
            return
        terms = {name: value.detach() for name, value in outcome["terms"].items()}
        numbers = {"loss": outcome["loss"].detach(), **terms}
        self.log_dict({f"train/{name}": value for name, value in numbers.items()})

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Mean loss terms of the validation part, of the same noise at every validation."""
        self._log_losses(batch, batch_idx, "val")

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Mean loss terms of the test part."""
        self._log_losses(batch, batch_idx, "test")

    def _log_losses(self, batch: Batch, batch_idx: int, split: str) -> None:
        size = len(batch.image)
        # terms may differentiate, of which tensors of Lightning's inference mode know nothing
        with torch.inference_mode(False), torch.no_grad():
            batch = on_tensors(Tensor.clone, batch)
            noise = self.noise_for(size, batch_idx, use=f"validation of {split}")
            found = losses_of(self, batch, self.global_step, noise)
        numbers = {f"{split}/{name}": value for name, value in found.items()}
        self.log_dict(numbers, batch_size=size, on_step=False, on_epoch=True)


def losses_of(model: Any, batch: Batch, step: int, noise: Mapping[str, Tensor]) -> dict[str, float]:
    """Terms of one batch, their loss at this step and that at the end of all schedules.

    Args:
        model: a ``LatentModel``.
        batch: images and what the data's view adds.
        step: number of updates made so far.
        noise: all random numbers.
    """
    end = max(step, model.schedule_end)
    terms = {name: value.item() for name, value in model.terms(batch, step, noise).items()}
    finally_ = terms
    if model.targets(step) != model.targets(end):
        finally_ = {k: v.item() for k, v in model.terms(batch, end, noise).items()}
    return {
        "loss": loss_of(terms, model.settings(step)),
        "loss_final_weights": loss_of(finally_, model.settings(end)),
        **terms,
    }
