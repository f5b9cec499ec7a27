"""Lightning's innermost loop, for calls of several updates."""

import time
from collections import OrderedDict
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loops.optimization.automatic import _AutomaticOptimization
from torch.optim import Optimizer

from vaescope.data import FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.minibatch import Batch, Call, on_tensors
from vaescope.models import LatentModel
from vaescope.updates.call_length import CallLength


def make_calls(trainer: pl.Trainer, data: FactorDataModule, wanted: int | None) -> CallLength:
    """Let a trainer make several updates in one call of its loop.

    Args:
        trainer: that will fit a model.
        data: gives the batches.
        wanted: number of updates; None: by the time that one takes.
    """
    length = CallLength(trainer, wanted)
    trainer.fit_loop.epoch_loop.automatic_optimization = UpdateLoop(trainer, length)
    data.serve_calls(length)
    return length


class UpdateLoop(_AutomaticOptimization):
    """Makes the updates of a ``Call`` one after the other; a single one is left to Lightning.

    Lightning then prepares, tells its callbacks and counts once in a call. All that it counts, and
    stores in checkpoints, is what it would be if each update were a call.
    """

    def __init__(self, trainer: pl.Trainer, length: CallLength) -> None:
        super().__init__(trainer)
        self._length = length

    def run(
        self, optimizer: Optimizer, batch_idx: int, kwargs: OrderedDict[str, Any]
    ) -> dict[str, Any]:
        """Make the updates of one call.

        Returns:
            What Lightning gives to callbacks of the last update, and under ``before`` the same of
            the updates before it.
        """
        began, batch = time.perf_counter(), kwargs["batch"]
        if isinstance(batch, Call):
            outputs = self._make_updates(batch, optimizer)
        else:
            outputs = super().run(optimizer, batch_idx, kwargs)
        updates = batch.updates if isinstance(batch, Call) else 1
        self._length.took(time.perf_counter() - began, updates, _image_bytes(batch))
        return outputs

    def _make_updates(self, call: Call, optimizer: Optimizer) -> dict[str, Any]:
        module: Any = self.trainer.lightning_module
        assert isinstance(module, LatentModel | Ensemble)
        made = []
        for batch in call.each():
            made.append(self._make_update(module, batch, optimizer))
            self._count_update()
        self._count_batches(call.updates - 1)  # Lightning has counted one
        return made[-1] | {"before": made[:-1]}

    @torch.enable_grad()
    def _make_update(
        self, module: LatentModel | Ensemble, batch: Batch, optimizer: Optimizer
    ) -> dict[str, Any]:
        """What Lightning does in an update, without its hooks."""
        trainer = self.trainer
        with trainer.precision_plugin.train_step_context():
            outcome: dict[str, Any] = module.training_step(batch, 0)
        loss = outcome["loss"]
        optimizer.zero_grad()
        loss.backward()
        if trainer.gradient_clip_val is not None:
            module.configure_gradient_clipping(
                optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm
            )
        optimizer.step()
        return outcome | {"loss": loss.detach()}

    def _count_update(self) -> None:
        step, zero_grad = (
            self.optim_progress.optimizer.step,
            self.optim_progress.optimizer.zero_grad,
        )
        for tracker in (step.total, step.current, zero_grad.total, zero_grad.current):
            tracker.increment_by(1)

    def _count_batches(self, number: int) -> None:
        loop = self.trainer.fit_loop.epoch_loop
        for tracker in (loop.batch_progress.total, loop.batch_progress.current):
            tracker.increment_by(number)
        # at this place Lightning has not yet processed and completed the batch that it counts
        loop._batches_that_stepped += number
        if loop.batch_progress.current.ready == self.trainer.num_training_batches:
            loop.batch_progress.is_last_batch = True


def _image_bytes(batch: Batch | Call) -> int:
    images: Batch = batch.batch if isinstance(batch, Call) else batch
    sizes: list[int] = []
    on_tensors(lambda column: sizes.append(column.nbytes), images)
    return sum(sizes)
