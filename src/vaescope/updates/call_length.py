"""How many updates the next call makes: never past an update at which something is due."""

import logging
import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.plugins.precision import MixedPrecision
from pytorch_lightning.profilers import PassThroughProfiler

from vaescope.callbacks.base import AfterUpdates
from vaescope.ensemble import Ensemble
from vaescope.models import LatentModel

log = logging.getLogger(__name__)

MOST = 64  # updates in a call, if the number is not given
SECONDS = 0.1  # that a call takes about: a signal waits for its end
BYTES = {"cpu": 2**27, "cuda": 2**29}  # of the images of a call
_MEASURED = 8  # updates, of which the fastest counts: the first ones allocate or compile
# of callbacks and models: each is called once in a call
_HOOKS = (
    *("on_train_batch_start", "on_train_batch_end", "on_before_zero_grad", "on_before_backward"),
    *("on_after_backward", "on_before_optimizer_step"),
)
_STEPS = (
    *("training_step", "update_outcome", "backward", "optimizer_step", "optimizer_zero_grad"),
    *("configure_gradient_clipping", "transfer_batch_to_device"),
)


class CallLength:
    """Number of updates of the call that begins with a step.

    Args:
        trainer: of the run, with all its callbacks.
        wanted: number of updates of a call that nothing cuts short; None: by the time that an
            update takes, 1 where it is long.
    """

    def __init__(self, trainer: pl.Trainer, wanted: int | None = None) -> None:
        self.trainer, self.wanted = trainer, wanted
        self.updates = 1
        self._seen, self._seconds = 0, math.inf
        self.reason: str | None = None  # why each update is a call of its own
        self._decided = False

    def __call__(self, step: int) -> int:
        """How many updates follow ``step`` in one call, at least 1."""
        if not self._seen and not self._decided:
            self._begin()
        loop = self.trainer.fit_loop.epoch_loop
        left = [self.updates]
        if loop.max_steps > 0:
            left.append(loop.max_steps - step)
        progress, in_epoch = loop.batch_progress, self.trainer.num_training_batches
        if in_epoch != math.inf:
            at = progress.current.ready + step - progress.total.ready
            left.append(int(in_epoch) - at % int(in_epoch))
        hooks = [c for c in _callbacks(self.trainer) if isinstance(c, AfterUpdates)]
        left += [
            hook.every_n_steps - step % hook.every_n_steps for hook in hooks if hook.every_n_steps
        ]
        return max(1, min(left))

    @property
    def measures(self) -> bool:
        """Whether the time of the next call decides something."""
        return not self._decided

    def took(self, seconds: float, updates: int, num_bytes: int) -> None:
        """Learn how long a call took, to choose the number of updates where it is not given."""
        if self._decided:
            return
        self._seen += updates
        self._seconds = min(self._seconds, seconds / updates)
        if self._seen >= _MEASURED:
            device = self.trainer.strategy.root_device.type
            room = BYTES.get(device, BYTES["cpu"])
            most = min(MOST, room // max(1, num_bytes // updates))
            reason = f"{1e3 * self._seconds:.3g} ms an update"
            self._decide(max(1, min(most, int(SECONDS / self._seconds))), reason)

    def _begin(self) -> None:
        self.reason = why_single(self.trainer, self.trainer.lightning_module)
        if self.reason is not None:
            self._decide(1, self.reason)
        elif self.wanted is not None:
            self._decide(self.wanted, "updates_per_call=...")

    def _decide(self, updates: int, reason: str) -> None:
        self.updates, self._decided = updates, True
        log.info("updates per call: %d (%s)", updates, reason)


def why_single(trainer: Any, module: pl.LightningModule) -> str | None:
    """Why every update has to be a call of its own, in one sentence; None: it need not."""
    precision = trainer.precision_plugin
    known: type = Ensemble if isinstance(module, Ensemble) else LatentModel
    if trainer.world_size > 1:
        return "several devices exchange the gradients of every update"
    if not module.automatic_optimization:
        return f"{type(module).__name__} makes its updates itself"
    if own := _overridden(module, known, (*_HOOKS, *_STEPS)):
        return f"{type(module).__name__} has a step of its own: {own}"
    for callback in _callbacks(trainer):
        told = isinstance(callback, AfterUpdates | Timer)
        hooks = [name for name in _HOOKS if not (told and name == "on_train_batch_end")]
        if own := _overridden(callback, pl.Callback, hooks):
            return f"{type(callback).__name__} is told of every update: {own}"
    data = trainer.datamodule
    if data.num_workers and not data.gathers_on_device:
        return "worker processes load each batch by itself"
    if trainer.accumulate_grad_batches > 1:
        return "gradients of several batches are accumulated"
    if trainer.overfit_batches > 0:
        return "overfit_batches gives every epoch the same batches"
    if isinstance(precision, MixedPrecision) and precision.scaler is not None:
        return "16-mixed scales each loss by what overflowed before"
    if not isinstance(trainer.profiler, PassThroughProfiler):
        return "the profiler measures each update"
    if isinstance(trainer.optimizers[0], torch.optim.LBFGS):
        return "LBFGS computes several losses in an update"
    return None


def _callbacks(trainer: Any) -> list[pl.Callback]:
    callbacks: list[pl.Callback] = trainer.callbacks
    return callbacks


def _overridden(of: object, base: type, names: Any) -> str:
    """The first of the methods that ``of`` has from elsewhere than ``base``; empty: none."""
    found = (n for n in names if getattr(type(of), n) is not getattr(base, n))
    return next(found, "")
