"""Begin and stop a session: options of a restored optimiser, signals during training."""

from collections.abc import Callable

import pytorch_lightning as pl
from torch.optim import Optimizer

from vaescope import stopping
from vaescope.callbacks.base import AfterUpdates
from vaescope.callbacks.checkpoint import Checkpoint


class Begin(pl.Callback):
    """Calls ``record`` once everything is built and restored, before the first update.

    A restored optimiser has the options that it was saved with; it gets those of now.
    """

    def __init__(self, record: Callable[[], None]) -> None:
        self.record = record
        self.recorded = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set the options, then write."""
        new = pl_module.configure_optimizers()
        assert isinstance(new, Optimizer)
        for group, wanted in zip(trainer.optimizers[0].param_groups, new.param_groups, strict=True):
            group.update({key: value for key, value in wanted.items() if key != "params"})
        self.record()
        self.recorded = True


class StopInOrder(AfterUpdates, pl.callbacks.Checkpoint):
    """Lets a run that got a signal finish its update, keep its state and stop.

    Lightning calls callbacks of this base last, behind ``Checkpoint``.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From here on a signal waits for the end of an update."""
        stopping.defer()
        stopping.listen()  # Lightning has put a handler of its own before ours

    def on_update(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: object) -> None:
        """Stop behind an update; the last one is followed by ``on_train_end``."""
        number, epochs = stopping.requested(), trainer.max_epochs
        is_last = trainer.global_step == trainer.max_steps or (
            trainer.is_last_batch and epochs is not None and trainer.current_epoch + 1 == epochs
        )
        if number is None or is_last:
            return
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, Checkpoint):
                callback.write_between(trainer)
        raise stopping.Stopped(number)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All updates are made and kept."""
        self.teardown(trainer, pl_module, "fit")
        if number := stopping.requested():
            raise stopping.Stopped(number)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """From here on a signal stops at once: what comes can be made again."""
        stopping.defer(False)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """As at the end."""
        self.teardown(trainer, pl_module, "fit")
