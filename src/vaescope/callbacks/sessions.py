"""Begin, time and stop a session of a run."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.optim import Optimizer

from vaescope import stopping
from vaescope.callbacks.base import AfterUpdates
from vaescope.callbacks.checkpoint import Checkpoint
from vaescope.run_folder.timing_file import read_sessions, told, write_sessions
from vaescope.timing import Stopwatch


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


class TimeSession(pl.Callback):
    """Keeps ``timing.json``: written with each checkpoint, so a killed session is counted to there.

    Args:
        folder: of the run.
        watch: of this session.
    """

    def __init__(self, folder: Path, watch: Stopwatch) -> None:
        self.folder, self.watch = folder, watch
        self.before = read_sessions(folder)
        self.from_step: int | None = None  # no update is missing

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From here on the time is that of training."""
        self.from_step = trainer.global_step
        self.watch.turn_to("training")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What follows is for the report."""
        self.watch.turn_to("report")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write what was spent so far."""
        self.write(trainer.global_step)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write what a session has taken that stops before its end, unless it was refused."""
        if self.from_step is not None:
            with suppress(OSError):  # of a full disk, which is told
                self.write(trainer.global_step)

    def write(self, step: int) -> str:
        """Write ``timing.json``; all sessions in one line."""
        seconds = {part: round(spent, 3) for part, spent in self.watch.read().items()}
        begun = step if self.from_step is None else self.from_step
        now = {"from_step": begun, "to_step": step, "seconds": seconds}
        write_sessions(self.folder, [*self.before, now])
        return told([*self.before, now])


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
