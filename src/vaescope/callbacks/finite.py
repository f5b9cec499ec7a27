"""A run must not go on with numbers that are none."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from vaescope.callbacks.checkpoint import Checkpoint
from vaescope.errors import TrainingDivergedError


class FiniteTerms(pl.Callback):
    """Stops a run at a NaN or an infinity, with the step, the term and the last good checkpoint.

    The terms of all updates are kept where they are computed and looked at every
    ``every_n_steps`` updates and before each checkpoint, so that a GPU is not made to wait.

    Args:
        every_n_steps: updates between two looks.

    Raises:
        ValueError: if ``every_n_steps`` is below 1.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps={every_n_steps}: give at least 1")
        self.every_n_steps = every_n_steps
        self._terms: list[tuple[int, dict[str, Tensor]]] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the terms; look at them when it is time."""
        self._terms.append((trainer.global_step, outputs["terms"]))
        if len(self._terms) >= self.every_n_steps:
            self._look(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let no checkpoint hold weights that are not finite."""
        self._look(trainer)
        self._look_at_weights(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Name the cause of what failed on numbers that are none: a statistic, for example."""
        if isinstance(exception, Exception) and not isinstance(exception, TrainingDivergedError):
            self._look(trainer)
            self._look_at_weights(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at what is left."""
        self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        if not self._terms:
            return
        names = list(self._terms[0][1])
        values = torch.stack([torch.stack([terms[n] for n in names]) for _, terms in self._terms])
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            term = f"loss term '{names[column]}' = {values[row, column].item()}"
            raise self._diverged(trainer, term, self._terms[row][0])
        self._terms.clear()

    def _look_at_weights(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for name, weight in pl_module.named_parameters():
            if not torch.isfinite(weight).all():
                raise self._diverged(trainer, f"weight {name}", trainer.global_step)

    def _diverged(self, trainer: pl.Trainer, what: str, step: int) -> TrainingDivergedError:
        checkpoint = trainer.checkpoint_callback
        last = checkpoint.last if isinstance(checkpoint, Checkpoint) else None
        good = str(last) if last and last.is_file() else "none was written yet"
        return TrainingDivergedError(
            f"not a finite number: {what} at step {step}. Last good checkpoint: {good}. "
            "Try a lower optimizer.lr, trainer=float32, or trainer.gradient_clip_val=1 with "
            "optimizer.fused=false"
        )
