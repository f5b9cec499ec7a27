"""Statistics on held-out data while a run goes on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from vaescope.callbacks.publish import publish
from vaescope.callbacks.updates import made_update
from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.errors import TrainingDivergedError
from vaescope.models import LatentModel
from vaescope.ranges import Count, in_range
from vaescope.statistics import Drift, GroupStatistic, Statistic, Statistics
from vaescope.statistics.encoded_split import EncodedSplit, encode_split


def scores_of_members(
    splits: Iterable[EncodedSplit], statistics: Statistics
) -> dict[int, dict[str, float]]:
    """All numbers of one evaluation: loss terms and statistics of each member, and of the group.

    Args:
        splits: as a single model or each member encodes them; the models are let go one by one.
        statistics: by name.

    Returns:
        Log keys and values by seed.
    """
    scores: dict[int, dict[str, float]] = {}
    codes = []
    for encoded in splits:
        numbers = encoded.named(encoded.losses)
        for statistic in statistics.values():
            if not isinstance(statistic, GroupStatistic):
                numbers |= _numbers(statistic, encoded)
        scores[encoded.model.seed] = numbers
        codes.append(encoded.codes())
    for statistic in statistics.values():
        if isinstance(statistic, GroupStatistic) and len(codes) > 1:
            for seed, more in zip(scores, statistic.together(codes), strict=True):
                scores[seed] |= more
    return scores


def _numbers(statistic: Statistic, encoded: EncodedSplit) -> dict[str, float]:
    """A statistic's numbers; one that fails on codes that are none says so."""
    try:
        return statistic(encoded)
    except Exception as error:
        if encoded.finite:
            raise
        raise TrainingDivergedError(
            f"not a finite number: codes, variances or losses of held-out images at step "
            f"{encoded.step}. Try a lower optimizer.lr or trainer=float32"
        ) from error


class Evaluation(pl.Callback):
    """Evaluates the validation part before the first update, every ``every_n_steps``, at the end.

    Args:
        statistics: by name; each maps an encoded split to named numbers.
        every_n_steps: updates between two evaluations.
        num_samples: images in an evaluation.
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
        self.history: list[dict[str, float]] = []  # one row an evaluation and member
        self._kept: dict[int, Tensor] = {}  # mean codes at the last regular evaluation, by seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """First evaluation, of the untrained model; forget that of an end which is put off."""
        self.history = [row for row in self.history if row["step"] % self.every_n_steps == 0]
        if trainer.global_step == 0:
            self._evaluate(trainer, pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Every ``every_n_steps`` updates, one more evaluation."""
        if made_update(trainer, batch_idx) and trainer.global_step % self.every_n_steps == 0:
            self._evaluate(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last evaluation, whatever ended the run."""
        self.on_fit_end(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last evaluation of a run that was killed behind its last update."""
        if not self.history or self.history[-1]["step"] != trainer.global_step:
            self._evaluate(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """All evaluations so far, for shares of training, and the codes to compare."""
        return {"history": self.history, "kept": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again."""
        self.history = state_dict["history"]
        self._kept = state_dict.get("kept", {})

    def _evaluate(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, LatentModel | Ensemble)
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        step = trainer.global_step
        rows = scores_of_members(self._encoded_splits(pl_module, data, step), self.statistics)
        self.history += [{"step": step, "seed": seed, **row} for seed, row in rows.items()]
        publish(trainer, rows, step)

    def _encoded_splits(
        self, module: LatentModel | Ensemble, data: FactorDataModule, step: int
    ) -> Iterator[EncodedSplit]:
        """The split as each member encodes it, its codes kept for the next evaluation."""
        index = data.held_out("val", min(self.num_samples, len(data.rows["val"])))
        drifts = [s for s in self.statistics.values() if isinstance(s, Drift)]
        viewed = EvaluationBatches(data.dataset, data.view, data.split_seed)
        num_kept = max((drift.num_samples for drift in drifts), default=0)
        for model in module.members():
            encoded = encode_split(
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
            if isinstance(module, Ensemble) and not encoded.finite:
                module.freeze_member(model.seed)  # finite weights, but no finite codes
                continue
            if num_kept and step % self.every_n_steps == 0:  # an end may be put off
                self._kept[model.seed] = encoded.mean[:num_kept].clone()
            yield encoded


def history_of(rows: Sequence[Mapping[str, float]], seed: int) -> list[Mapping[str, float]]:
    """The evaluations of one member."""
    return [row for row in rows if row["seed"] == seed]
