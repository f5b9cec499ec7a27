"""A few labelled images beside the unlabelled ones of every batch."""

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.errors import ConfigError
from vaescope.minibatch import Known, Plan
from vaescope.ranges import Bins, Count, Probability, Seed, in_range
from vaescope.streams import stream

Labeller = Literal["perfect", "binned", "noisy", "permuted", "partial"]


class Labelled:
    """As many labelled images as a batch has images, all from one small fixed set of rows.

    Which rows are labelled, and how, follows from ``seed`` and the training rows alone: it is the
    same for every worker, for all members of an ensemble and for all runs that are compared; the
    first 100 of 1000 rows are the 100. Which of them come in a batch follows from the run's own
    seed: none twice before all once. Losses of evaluated images take their labelled rows from the
    whole data set, drawn in the same way. Nuisance of a labelled image is drawn anew every time.

    Args:
        num_labelled: size of the fixed set.
        labeller: ``perfect``: the true values; ``binned``: factors of more than ``num_bins`` values
            in so many bins; ``noisy``: a value is replaced by a uniformly drawn one with
            ``probability``, once and for all; ``permuted``: the values of each factor in random
            order; ``partial``: ``num_observed`` random factors that vary, the others unknown.
        num_bins: of ``binned``, at least 2.
        probability: of ``noisy``, 0..1; the drawn value may be the true one.
        num_observed: of ``partial``, at least 1.
        seed: of the rows and their labels, at least 0.

    Source: Locatello et al. 2020, "Disentangling factors of variation using few labels",
    https://arxiv.org/abs/1905.01258; rows are drawn by Efraimidis & Spirakis 2006,
    https://doi.org/10.1016/j.ipl.2005.11.003. Differs: labelled rows are training rows, drawn
    without replacement and as often as ``sampling`` shows them; none of them is kept for
    validation; unobserved factors keep their place, instead of the others moving up; the published
    code also fixes the nuisance of labelled images.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image", "its labels")

    @in_range
    def __init__(
        self,
        num_labelled: Count = 100,
        labeller: Labeller = "perfect",
        num_bins: Bins = 5,
        probability: Probability = 0.1,
        num_observed: Count = 2,
        seed: Seed = 0,
    ) -> None:
        self.num_labelled, self.labeller, self.num_bins = num_labelled, labeller, num_bins
        self.probability, self.num_observed, self.seed = probability, num_observed, seed

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse a data set without factors, or with such as the labeller cannot label."""
        if not len(factors):
            raise ConfigError(
                "view=labelled needs factors, and this data set has none; choose another view"
            )
        if self.labeller == "permuted" and factors.has_continuous:
            raise ConfigError(
                "labeller=permuted needs factors with finitely many values, and this data set has "
                "continuous ones; choose another labeller"
            )
        varying = sum(size != 1 for size in factors.sizes)
        if self.labeller == "partial" and self.num_observed > varying:
            raise ConfigError(
                f"num_observed={self.num_observed} was given, but only {varying} factors have "
                f"more than one value; choose 1..{varying}"
            )

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index``, a labelled partner of each and its ``factor_labels`` `[B, K]`.

        A label is value / size, in [0, 1 - 1/size]; of a continuous factor its value; NaN: unknown.
        """
        rows, labels = lookup.keep(self, lambda: self._choose(lookup))
        rounds = -(-len(index) // self.num_labelled)
        order = rng.permuted(np.tile(np.arange(self.num_labelled), (rounds, 1)), axis=1)
        drawn = torch.from_numpy(order.ravel()[: len(index)])
        known = Known(factor_labels=labels[drawn])
        return Plan(index, partners=(Plan(rows[drawn]),), known=known)

    def _choose(self, lookup: RowLookup) -> tuple[Tensor, Tensor]:
        """The labelled rows int64 `[n]`, and their labels float32 `[n, K]`."""
        key = stream(self.seed, "labelled rows").standard_exponential(len(lookup.rows))
        weights = np.ones(len(key)) if lookup.weights is None else lookup.weights
        shown = np.flatnonzero(weights > 0)
        if self.num_labelled > len(shown):
            raise ConfigError(
                f"num_labelled={self.num_labelled} was given, but there are only {len(shown)} "
                f"rows to label; choose 1..{len(shown)}"
            )
        order = np.argsort(key[shown] / weights[shown], kind="stable")
        rows = torch.from_numpy(lookup.rows[shown[order[: self.num_labelled]]])
        labels = self._labels(lookup.dataset.values(rows).cpu().numpy(), lookup.factors)
        return rows, torch.from_numpy(labels.astype(np.float32))

    def _labels(self, values: np.ndarray, factors: Factors) -> np.ndarray:
        """What the labeller says of factor values `[n, K]`: labels `[n, K]` in [0, 1], or NaN."""
        rng, sizes = stream(self.seed, "labels"), np.array(factors.sizes)
        steps = np.maximum(sizes, 1)  # 1 also for continuous factors: their values are the labels
        if self.labeller == "binned":
            coarse = (sizes == 0) | (sizes > self.num_bins)
            bins = np.minimum(values * self.num_bins // steps, self.num_bins - 1)
            return np.where(coarse, bins / self.num_bins, values / steps)
        if self.labeller == "noisy":
            replaced = rng.random(values.shape) < self.probability
            fresh = factors.sample(len(values), rng).numpy()
            values = np.where(replaced, fresh, values)
        elif self.labeller == "permuted":
            orders = [rng.permutation(size) for size in factors.sizes]
            columns = zip(orders, values.T, strict=True)
            values = np.stack([order[column] for order, column in columns], axis=1)
        labels = values / steps
        if self.labeller == "partial":
            observed = rng.permutation(np.flatnonzero(sizes != 1))[: self.num_observed]
            labels[:, np.setdiff1d(np.arange(len(sizes)), observed)] = np.nan
        return labels
