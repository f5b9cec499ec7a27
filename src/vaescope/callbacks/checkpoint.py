"""Checkpoints: the last and the best state of a run, written atomically, plain data only."""

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from vaescope.callbacks.base import AfterUpdates
from vaescope.errors import ConfigError, closest
from vaescope.files import link_as, replacing
from vaescope.ranges import Count, in_range
from vaescope.scores import FAMILIES, LOGGED, PANEL_SCORES, direction_of, name_of
from vaescope.timing import spent_on


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, then renames: a kill at any moment leaves the previous file.

    Lightning's own writes to the system's temporary folder; a kill while it copies from there to
    another file system leaves half a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write ``checkpoint`` to ``path``, whole or not at all."""
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a file; Lightning would remove folders too, by paths that a checkpoint names."""
        target = Path(path)
        if ".." not in target.parts and target.is_file():
            target.unlink()


class Checkpoint(AfterUpdates, pl.callbacks.Checkpoint):
    """Keeps the last and the best state of a run, as ``last.ckpt`` and ``best.ckpt``.

    Args:
        every_n_steps: updates between two writings; a killed run loses at most these.
        monitor: logged key that decides which state is best. The default is the held-out loss
            with the weights that schedules end at: it compares across steps, ``val/loss`` does not
            while a weight moves.
        mode: ``min`` or ``max`` of it; None: by the score's record its good end, and ``min`` if no
            end of it is good.
    """

    @in_range
    def __init__(
        self,
        folder: str,
        every_n_steps: Count = 500,
        monitor: str = "val/loss_final_weights",
        mode: Literal["min", "max"] | None = None,
    ) -> None:
        self.last, self.best = Path(folder) / "last.ckpt", Path(folder) / "best.ckpt"
        self.every_n_steps, self.monitor = every_n_steps, monitor
        self.mode = mode or ("max" if direction_of(monitor) == "maximize" else "min")
        self.best_score: float | None = None
        self.best_step = 0
        self._written = -1
        self._judged: Tensor | None = None
        self._waiting: float | None = None  # measured, but not judged before the run was stopped

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the first evaluation: refuse a key that nothing logs.

        Raises:
            ConfigError: neither has it been logged, nor is it the name of a score.
        """
        logged = {str(key) for key in trainer.callback_metrics}
        name = name_of(self.monitor)
        known = {*map(name_of, logged), *LOGGED, *PANEL_SCORES, *FAMILIES}
        may_come = any(f"{name}_".startswith(f"{score}_") for score in known)
        if trainer.global_step or not logged or (may_come and "/" in self.monitor):
            return
        told = f"{self.monitor!r} is never logged{closest(self.monitor, logged)}"
        raise ConfigError(f"config.callbacks.checkpoint.monitor: {told}")

    def on_update(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any) -> None:
        """Write when it is time."""
        self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the end, whatever ended the run."""
        if self._written != trainer.global_step:
            self._write(trainer)

    def write_between(self, trainer: pl.Trainer) -> None:
        """Write the state of a run that stops at a step at which it would not have been written."""
        if self._written != trainer.global_step:
            self._waiting = self._measured(trainer)
            self._save(trainer, self.last)

    def _write(self, trainer: pl.Trainer) -> None:
        if self._improves(trainer):
            self._save(trainer, self.best)  # first: killed behind it, a run goes on from the best
            link_as(self.best, self.last)
        else:
            self._save(trainer, self.last)

    @spent_on("checkpoints")
    def _save(self, trainer: pl.Trainer, path: Path) -> None:
        self._written = trainer.global_step
        for logger in trainer.loggers:
            logger.save()  # a resumed run takes up the numbers of all steps before this one
        trainer.save_checkpoint(path)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know of the best state."""
        kept = {"best_score": self.best_score, "best_step": self.best_step}
        return kept if self._waiting is None else kept | {"waiting": self._waiting}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again."""
        self.best_score = state_dict["best_score"]
        self.best_step = state_dict["best_step"]
        self._waiting = state_dict.get("waiting")

    def _measured(self, trainer: pl.Trainer) -> float | None:
        """What was measured since the last judgement."""
        value = trainer.callback_metrics.get(self.monitor)
        return self._waiting if value is None or value is self._judged else float(value)

    def _improves(self, trainer: pl.Trainer) -> bool:
        score, self._waiting = self._measured(trainer), None
        self._judged = trainer.callback_metrics.get(self.monitor)
        if score is None:
            return False
        sign = 1 if self.mode == "min" else -1
        if self.best_score is not None and sign * score >= sign * self.best_score:
            return False
        self.best_score, self.best_step = score, trainer.global_step
        return True


class KeepConfig(pl.Callback):
    """Stores in every checkpoint what rebuilds its model: plain containers, no objects."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the record under the key ``vaescope``."""
        checkpoint["vaescope"] = self.record
