"""Statistics on held-out data while a run goes on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from vaescope.callbacks.publish import publish
from vaescope.callbacks.updates import made_update
from vaescope.data import FactorDataModule, Viewed
from vaescope.ensemble import Ensemble
from vaescope.errors import TrainingDivergedError
from vaescope.models import LatentModel
from vaescope.ranges import Count, in_range
from vaescope.statistics import Drift, GroupStatistic, Statistic, Statistics
from vaescope.statistics.held_out import HeldOut, look


def scores_of_members(
    looks: Iterable[HeldOut], statistics: Statistics
) -> dict[int, dict[str, float]]:
    """All numbers of one look at every member: loss terms, statistics, and those of the group.

    Args:
        looks: at a single model or at each member; the models are let go one by one.
        statistics: by name.

    Returns:
        Log keys and values by seed.
    """
    scores: dict[int, dict[str, float]] = {}
    codes = []
    for held_out in looks:
        numbers = held_out.named(held_out.split, held_out.losses)
        for statistic in statistics.values():
            if not isinstance(statistic, GroupStatistic):
                numbers |= _numbers(statistic, held_out)
        scores[held_out.model.seed] = numbers
        codes.append(held_out.codes())
    for statistic in statistics.values():
        if isinstance(statistic, GroupStatistic) and len(codes) > 1:
            for seed, more in zip(scores, statistic.together(codes), strict=True):
                scores[seed] |= more
    return scores


def _numbers(statistic: Statistic, held_out: HeldOut) -> dict[str, float]:
    """A statistic's numbers; one that fails on codes that are none says so."""
    try:
        return statistic(held_out)
    except Exception as error:
        if held_out.finite:
            raise
        raise TrainingDivergedError(
            f"not a finite number: codes, variances or losses of held-out images at step "
            f"{held_out.step}. Try a lower optimizer.lr or trainer=float32"
        ) from error


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

    @in_range
    def __init__(
        self,
        statistics: Statistics,
        every_n_steps: Count = 500,
        num_samples: Count = 5000,
        num_losses: Count = 1000,
        num_jacobians: Count = 128,
    ) -> None:
        self.statistics = statistics
        self.every_n_steps = every_n_steps
        self.num_samples = num_samples
        self.num_losses = num_losses
        self.num_jacobians = num_jacobians
        self.history: list[dict[str, float]] = []  # one row a look and member
        self._kept: dict[int, Tensor] = {}  # mean codes at the last regular look, by seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The first look, at the untrained model; that at an end which is put off is forgotten."""
        self.history = [row for row in self.history if row["step"] % self.every_n_steps == 0]
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
        self.on_fit_end(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last look of a run that was killed behind its last update, and makes none now."""
        if not self.history or self.history[-1]["step"] != trainer.global_step:
            self._look(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """All looks so far, over which shares of training are counted, and the codes to compare."""
        return {"history": self.history, "kept": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again."""
        self.history = state_dict["history"]
        self._kept = state_dict.get("kept", {})

    def _look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LatentModel | Ensemble)
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        step = trainer.global_step
        rows = scores_of_members(self._looks(pl_module, data, step), self.statistics)
        self.history += [{"step": step, "seed": seed, **row} for seed, row in rows.items()]
        publish(trainer, rows, step)

    def _looks(
        self, module: LatentModel | Ensemble, data: FactorDataModule, step: int
    ) -> Iterator[HeldOut]:
        """A look at each member, its codes kept for the next one."""
        index = data.held_out("val", min(self.num_samples, len(data.rows["val"])))
        drifts = [s for s in self.statistics.values() if isinstance(s, Drift)]
        viewed = Viewed(data.dataset, data.view, data.split_seed)
        num_kept = max((drift.num_samples for drift in drifts), default=0)
        for model in module.members():
            held_out = look(
                model,
                viewed,
                index,
                split="val",
                step=step,
                num_losses=self.num_losses,
                num_jacobians=self.num_jacobians,
                history=history_of(self.history, model.seed),
                previous=self._kept.get(model.seed),
            )
            if isinstance(module, Ensemble) and not held_out.finite:
                module.freeze_member(model.seed)  # finite weights, but no finite codes
                continue
            if num_kept and step % self.every_n_steps == 0:  # an end may be put off
                self._kept[model.seed] = held_out.mean[:num_kept].clone()
            yield held_out


def history_of(rows: Sequence[Mapping[str, float]], seed: int) -> list[Mapping[str, float]]:
    """The looks at one member."""
    return [row for row in rows if row["seed"] == seed]
