"""Evaluation while a run goes on: the statistics of the validation part."""

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from vaescope.callbacks.base import AfterUpdates, publish
from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.ensemble import Ensemble
from vaescope.models import LatentModel
from vaescope.ranges import Count, in_range
from vaescope.statistics import Drift, Statistics
from vaescope.statistics.encoded_split import EncodedSplit, encode_split
from vaescope.statistics.members import add_group_scores, scores_of_split
from vaescope.timing import spent_on


class Evaluation(AfterUpdates, pl.Callback):
    """Evaluates the validation part before the first update, every ``every_n_steps``, at the end.

    Args:
        statistics: by name; each maps an encoded split to named numbers.
        every_n_steps: updates between two evaluations.
        num_samples: images in an evaluation.
        num_losses: of them, how many for the mean loss terms.
        num_jacobians: of them, how many for statistics of the decoder.
    """

    @in_range
    def __init__(
        self,
        statistics: Statistics,
        every_n_steps: Count = 1000,
        num_samples: Count = 5000,
        num_losses: Count = 500,
        num_jacobians: Count = 64,
    ) -> None:
        self.statistics = statistics
        self.every_n_steps = every_n_steps
        self.num_samples = num_samples
        self.num_losses = num_losses
        self.num_jacobians = num_jacobians
        self.history: list[dict[str, float]] = []  # one row an evaluation and member
        self._last: EncodedSplit | None = None  # of the first member
        self._kept: dict[int, Tensor] = {}  # mean codes at the last regular evaluation, by seed

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """First evaluation, of the untrained model; forget that of an end which is put off."""
        self.history = [row for row in self.history if row["step"] % self.every_n_steps == 0]
        if trainer.global_step == 0:
            self.on_update(trainer, pl_module)

    @spent_on("evaluations")
    def on_update(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any = None
    ) -> None:
        """One evaluation: encode the split by each member, compute its scores, log them."""
        assert isinstance(module, LatentModel | Ensemble)
        data: FactorDataModule = trainer.datamodule  # type: ignore[attr-defined] # set by fit
        index = data.evaluation_rows("val", min(self.num_samples, len(data.rows["val"])))
        viewed = EvaluationBatches(data.dataset, data.view, data.split_seed)
        drifts = [s for s in self.statistics.values() if isinstance(s, Drift)]
        num_kept = max((drift.num_samples for drift in drifts), default=0)
        step, rows, codes = trainer.global_step, {}, []
        self._last = None
        for model in module.members():
            encoded = encode_split(
                model,
                viewed,
                index,
                split="val",
                step=step,
                num_losses=self.num_losses,
                num_jacobians=self.num_jacobians,
                history=[row for row in self.history if row["seed"] == model.seed],
                previous=self._kept.get(model.seed),
            )
            if isinstance(module, Ensemble) and not encoded.finite:
                module.freeze_member(model.seed)  # finite weights, but no finite codes
                continue
            if num_kept and step % self.every_n_steps == 0:  # an end may be put off
                self._kept[model.seed] = encoded.mean[:num_kept].clone()
            self._last = self._last or encoded
            rows[model.seed] = scores_of_split(encoded, self.statistics)
            codes.append(encoded.codes())
        add_group_scores(rows, codes, self.statistics)
        self.history += [{"step": step, "seed": seed, **row} for seed, row in rows.items()]
        publish(trainer, rows, step)

    def encoded(self, model: LatentModel, step: int) -> EncodedSplit | None:
        """The split as the last evaluation has encoded it, if it was by this model at this step."""
        last = self._last
        same = last is not None and (last.model.seed, last.step) == (model.seed, step)
        return last if same else None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last evaluation, whatever ended the run."""
        self.on_fit_end(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last evaluation of a run that was killed behind its last update."""
        if not self.history or self.history[-1]["step"] != trainer.global_step:
            self.on_update(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """All evaluations so far, for shares of training, and the codes to compare."""
        return {"history": self.history, "kept": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up again."""
        self.history = state_dict["history"]
        self._kept = state_dict.get("kept", {})
