"""NaN guard: stops a run whose loss is not finite, and freezes such members of an ensemble."""

import logging
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from vaescope.callbacks.base import AfterUpdates
from vaescope.callbacks.checkpoint import Checkpoint
from vaescope.ensemble import Ensemble
from vaescope.errors import TrainingDivergedError
from vaescope.ranges import Count, in_range

log = logging.getLogger(__name__)


class FiniteTerms(AfterUpdates, pl.Callback):
    """Stops a run at a NaN or an infinity, with the step, the term and the last good checkpoint.

    Of an ensemble, it tells which member has diverged and lets the others go on.

    The terms of all updates, without their weights, and the losses are kept where they are
    computed and checked every ``every_n_steps`` updates and before each checkpoint, so that a
    GPU is not made to wait.

    Args:
        every_n_steps: updates between two checks.
    """

    @in_range
    def __init__(self, every_n_steps: Count = 50) -> None:
        self.every_n_steps = every_n_steps
        self._terms: list[tuple[int, dict[str, Tensor]]] = []
        self._told: set[int] = set()
        self._raised: TrainingDivergedError | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """What a resumed run has told already."""
        if isinstance(pl_module, Ensemble):
            self._told = set(pl_module.diverged)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the terms; check them when it is time."""
        made = [*outputs.get("before", ()), outputs]
        for step, outcome in enumerate(made, trainer.global_step - len(made) + 1):
            self._terms.append((step, outcome["terms"] | {"loss": outcome["losses"]}))
        if len(self._terms) >= self.every_n_steps:
            self._check_terms(trainer, pl_module)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let no checkpoint hold weights that are not finite."""
        self._check_terms(trainer, pl_module)
        self._check_weights(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Name the cause of what failed on a NaN or an infinity: a statistic, for example."""
        if isinstance(exception, Exception) and exception is not self._raised:
            self._check_terms(trainer, pl_module)
            self._check_weights(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check what is left."""
        self._check_terms(trainer, pl_module)

    def _check_terms(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if isinstance(pl_module, Ensemble):
            self._tell_of_members(trainer, pl_module)
        elif bad := self._first_bad():
            raise self._diverged(trainer, *bad[0])
        self._terms.clear()

    def _first_bad(self) -> dict[int, tuple[str, int]]:
        """By a member's number its first term that is not finite, and its step, of those kept."""
        if not self._terms:
            return {}
        names = list(self._terms[0][1])
        values = torch.stack([torch.stack([terms[n] for n in names]) for _, terms in self._terms])
        values = values.reshape(len(self._terms), len(names), -1)
        found: dict[int, tuple[str, int]] = {}
        for row, column, number in (~values.isfinite()).nonzero().tolist():
            what = "the loss" if names[column] == "loss" else f"loss term '{names[column]}'"
            told = f"{what} = {values[row, column, number].item()}", self._terms[row][0]
            found.setdefault(number, told)
        return found

    def _tell_of_members(self, trainer: pl.Trainer, ensemble: Ensemble) -> None:
        bad = {ensemble.seeds[number]: first for number, first in self._first_bad().items()}
        for seed in bad:
            ensemble.freeze_member(seed)
        diverged = ensemble.diverged
        for seed in ensemble.seeds:
            if seed in diverged and seed not in self._told:
                self._told.add(seed)
                what, step = bad.get(seed) or ("its weights or codes", diverged[seed])
                left = f"{len(ensemble.seeds) - len(diverged)} of {len(ensemble.seeds)} members"
                log.warning(
                    f"seed {seed} has diverged and is frozen: not a finite number: {what} at step "
                    f"{step}; {left} go on"
                )
        if len(diverged) == len(ensemble.seeds):
            last = max(diverged, key=lambda seed: diverged[seed])
            which = f"all members; the last one, seed {last},"
            raise self._diverged(trainer, which, diverged[last])

    def _check_weights(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if isinstance(pl_module, Ensemble):
            return  # a frozen member's weights may be anything
        for name, weight in pl_module.named_parameters():
            if not torch.isfinite(weight).all():
                raise self._diverged(trainer, f"weight {name}", trainer.global_step)

    def _diverged(self, trainer: pl.Trainer, what: str, step: int) -> TrainingDivergedError:
        checkpoint = trainer.checkpoint_callback
        last = checkpoint.last if isinstance(checkpoint, Checkpoint) else None
        good = str(last) if last and last.is_file() else "none was written yet"
        self._raised = TrainingDivergedError(
            f"not a finite number: {what} at step {step}. Last good checkpoint: {good}. "
            "Try a lower optimizer.lr, scheduler=warmup, trainer=float32 or "
            "trainer.gradient_clip_val=1"
        )
        return self._raised
