"""Lightning's innermost loop, for calls of several updates."""

import time
from collections import OrderedDict
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loops.optimization.automatic import _AutomaticOptimization
from torch.optim import Optimizer

from vaescope.data import FactorDataModule
from vaescope.hardware import float32_products
from vaescope.minibatch import Batch, Call, on_tensors
from vaescope.updates.call_length import CallLength
from vaescope.updates.making import UpdateMaker
from vaescope.updates.pace import Pace
from vaescope.updates.program import named_weights


def make_calls(
    trainer: pl.Trainer,
    data: FactorDataModule,
    wanted: int | None,
    compiled: bool | None,
    replayed: bool | None,
    pace: Pace | None = None,
    *,
    tf32: bool | None = None,
) -> None:
    """Let a trainer make several updates in one call of its loop, compiled or as a CUDA graph.

    Args:
        trainer: that will fit a model.
        data: gives the batches.
        wanted: number of updates; None: by the time that one takes.
        compiled: whether updates are compiled; None: if the run is long enough to gain by it.
        replayed: whether they are replays of a CUDA graph; None: where they can be.
        pace: learning rates and averaged weights; None: neither changes from update to update.
        tf32: see ``float32_products``.
    """
    length, pace = CallLength(trainer, wanted), pace or Pace()
    maker = UpdateMaker(trainer, pace, compiled, replayed)
    trainer.fit_loop.epoch_loop.automatic_optimization = UpdateLoop(
        trainer, length, maker, pace, tf32
    )
    data.serve_calls(length)


class UpdateLoop(_AutomaticOptimization):
    """Makes the updates of a ``Call`` one after the other; a single one is left to Lightning.

    Lightning then prepares, tells its callbacks and counts once in a call. All that it counts, and
    stores in checkpoints, is what it would be if each update were a call.
    """

    def __init__(
        self,
        trainer: pl.Trainer,
        length: CallLength,
        maker: UpdateMaker,
        pace: Pace,
        tf32: bool | None = None,
    ) -> None:
        super().__init__(trainer)
        self._length, self._maker, self._pace, self._tf32 = length, maker, pace, tf32
        self._begun = False

    def run(
        self, optimizer: Optimizer, batch_idx: int, kwargs: OrderedDict[str, Any]
    ) -> dict[str, Any]:
        """Make the updates of one call.

        Returns:
            What Lightning gives to callbacks of the last update, and under ``before`` the same of
            the updates before it.
        """
        if not self._begun:
            module: Any = self.trainer.lightning_module
            self._pace.begin(module, optimizer, named_weights(module))
            self._maker.begin(module, self._length.reason)
            self._begun = True
        began, batch = time.perf_counter(), kwargs["batch"]
        call = batch if isinstance(batch, Call) else Call(batch, 1)
        with float32_products(self._tf32):
            if isinstance(batch, Call) or self._maker.by_program:
                *before, last = self._maker.make(call, optimizer)
                self._count(call.updates)
                outputs = last | {"before": before}
            else:
                outputs = self._run_by_lightning(optimizer, batch_idx, kwargs)
        if self._pace.schedule is not None:
            outputs["lr"] = self._pace.rate
        if self._length.measures and self.trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        self._length.took(seconds, call.updates, _num_bytes(call.batch))
        return outputs

    def _run_by_lightning(
        self, optimizer: Optimizer, batch_idx: int, kwargs: OrderedDict[str, Any]
    ) -> dict[str, Any]:
        """A batch, which need not end in an update."""
        step = self.trainer.global_step
        self._pace.set_rates(step)
        outputs: dict[str, Any] = super().run(optimizer, batch_idx, kwargs)
        if self.trainer.global_step > step:
            self._pace.follow(step)
        return outputs

    def _count(self, updates: int) -> None:
        """Count as Lightning does, which counts one batch by itself at this place."""
        progress = self.optim_progress.optimizer
        for counts in (progress.step, progress.zero_grad):
            counts.total.increment_by(updates)
            counts.current.increment_by(updates)
        loop = self.trainer.fit_loop.epoch_loop
        loop.batch_progress.total.increment_by(updates - 1)
        loop.batch_progress.current.increment_by(updates - 1)
        loop._batches_that_stepped += updates - 1
        if loop.batch_progress.current.ready == self.trainer.num_training_batches:
            loop.batch_progress.is_last_batch = True


def _num_bytes(batch: Batch) -> int:
    sizes: list[int] = []
    on_tensors(lambda column: sizes.append(column.nbytes), batch)
    return sum(sizes)
