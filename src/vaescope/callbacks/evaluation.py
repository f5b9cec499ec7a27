"""Statistics on held-out data while a run goes on."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl

from vaescope.callbacks.held_out import HeldOut, look
from vaescope.callbacks.publish import publish
from vaescope.callbacks.statistics import Statistic
from vaescope.callbacks.updates import made_update
from vaescope.data import FactorDataModule
from vaescope.models import LatentModel


def scores_of(held_out: HeldOut, statistics: Mapping[str, Statistic]) -> dict[str, float]:
    """All numbers of one look: the loss terms and what every statistic gives."""
    scores = {f"{held_out.split}/{name}": value for name, value in held_out.losses.items()}
    for statistic in statistics.values():
        scores |= statistic(held_out)
    return scores


class Evaluation(pl.Callback):
    """Looks at the validation part before the first update, every ``every_n_steps``, at the end.

    Args:
        statistics: by name; each maps a look to named numbers.
        every_n_steps: updates between two looks.
        num_samples: held-out images in a look.
        num_losses: of them, how many for the mean loss terms.
        num_jacobians: of them, how many for statistics of the decoder.

    Raises:
        ValueError: if a count is below 1.
    """

    def __init__(
        self,
        statistics: Mapping[str, Statistic],
        every_n_steps: int = 500,
        num_samples: int = 5000,
        num_losses: int = 1000,
        num_jacobians: int = 128,
    ) -> None:
        for name, count in (
            ("every_n_steps", every_n_steps),
            ("num_samples", num_samples),
            ("num_losses", num_losses),
            ("num_jacobians", num_jacobians),
        ):
            if count < 1:
                raise ValueError(f"{name}={count}: give at least 1")
        self.statistics = statistics
        self.every_n_steps = every_n_steps
        self.num_samples = num_samples
        self.num_losses = num_losses
        self.num_jacobians = num_jacobians
        self.history: list[dict[str, float]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first look, at the untrained model."""
        if trainer.global_step == 0:
            self._look(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Every ``every_n_steps`` updates, one more look."""
        if made_update(trainer, batch_idx) and trainer.global_step % self.every_n_steps == 0:
            self._look(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last look, whatever ended the run."""
        if not self.history or self.history[-1]["step"] != trainer.global_step:
            self._look(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """All looks so far: shares of training are counted over them."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again, without the look at an end that has been put off."""
        rows = state_dict["history"]
        self.history = [row for row in rows if row["step"] % self.every_n_steps == 0]

    def _look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LatentModel)
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        step = trainer.global_step
        held_out = look(
            pl_module,
            data.dataset,
            data.held_out("val", min(self.num_samples, len(data.rows["val"]))),
            split="val",
            step=step,
            num_losses=self.num_losses,
            num_jacobians=self.num_jacobians,
            history=self.history,
        )
        scores = scores_of(held_out, self.statistics)
        self.history.append({"step": step, **scores})
        publish(trainer, scores, step)
