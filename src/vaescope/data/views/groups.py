"""Batches of groups of images that share something: a factor or the class."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.errors import ConfigError
from vaescope.minibatch import Known, Plan
from vaescope.ranges import AtLeastTwo, Count, in_range


class Groups:
    """A batch of groups of images that share one factor or the class.

    The first images of the batch each begin a group; its other members are drawn from the training
    rows with the same value, as often as training shows them. A group may hold an image twice.

    Args:
        by: name of a factor, or ``label`` for the class of a data set that has classes.
        size: images per group; a divisor of the batch size.

    Source: Bouchacourt, Tomioka, Nowozin 2018, "Multi-Level Variational Autoencoder",
    https://arxiv.org/abs/1705.08841, section 3. Differs: groups of one size.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image", "a label")

    @in_range
    def __init__(self, by: str, size: AtLeastTwo) -> None:
        self.by, self.size = by, size

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse a factor that is unknown or continuous, and groups that do not fill the batch."""
        if batch_size % self.size:
            raise ConfigError(
                f"size={self.size} was given for batch_size={batch_size}; choose a divisor of it"
            )
        require_labels(self.by, factors)

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """Rows, their ``group`` (0, 0, ..., 1, 1, ...) and ``label``, the shared value, `[B]`."""
        members = lookup.keep(self, lambda: _Members(lookup, labels_of(lookup, self.by)))
        first = np.searchsorted(lookup.rows, index[: len(index) // self.size].numpy())
        others = members.draw(first, self.size - 1, rng)
        places = np.concatenate([first[:, None], others], axis=1)
        group = torch.arange(len(first)).repeat_interleave(self.size)
        label = torch.from_numpy(members.labels[first].repeat(self.size))
        rows = torch.from_numpy(lookup.rows[places].ravel())
        return Plan(rows, known=Known(label=label, group=group))


class Labels:
    """Single images with a ``label``: the value of one factor, or the class.

    Args:
        by: name of a factor, or ``label`` for the class of a data set that has classes; None: the
            first factor, or the class where there are no factors.
        num_labels: how many values the model knows, 0 .. num_labels - 1; None: any number.
    """

    gives: ClassVar[tuple[str, ...]] = ("a label",)

    @in_range
    def __init__(self, by: str | None = None, num_labels: Count | None = None) -> None:
        self.by, self.num_labels = by, num_labels

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse a factor that is unknown, continuous or of more values than the model knows."""
        by = self._name(factors)
        require_labels(by, factors)
        if by in factors.names:
            self._require_known(factors.sizes[factors.names.index(by)], by)

    def _require_known(self, number: int, by: str) -> None:
        if self.num_labels is not None and number > self.num_labels:
            raise ConfigError(
                f"num_labels={self.num_labels}: {by!r} has {number} values; "
                f"give model.num_labels={number}, or another view.by"
            )

    def _name(self, factors: Factors) -> str:
        return self.by or next(iter(factors.names), "label")

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index`` and their ``label`` int64 `[B]`."""
        labels = lookup.keep(self, lambda: self._labels(lookup))
        places = np.searchsorted(lookup.rows, index.cpu().numpy())
        return Plan(index, known=Known(label=torch.from_numpy(labels[places])))

    def _labels(self, lookup: RowLookup) -> np.ndarray:
        name = self._name(lookup.factors)
        labels = labels_of(lookup, name)
        self._require_known(int(labels.max()) + 1, name)
        return labels


def require_labels(by: str, factors: Factors) -> None:
    """Refuse what is no factor with finitely many values; ``label`` is looked for with the data."""
    if by == "label" and by not in factors.names:
        return
    if factors.kinds[factors.position_of(by)] == "continuous":
        raise ConfigError(f"by={by!r} is continuous: no two images share a value of it")


def labels_of(lookup: RowLookup, by: str) -> np.ndarray:
    """Value of a factor, or class, of every row of the lookup, int64 `[n]`."""
    if by in lookup.factors.names:
        return lookup.values[:, lookup.factors.names.index(by)].astype(np.int64)
    if lookup.dataset.labels is None:
        raise ConfigError(
            f"by={by!r} was given, but this data set has no classes; name one of its "
            f"factors {list(lookup.factors.names)}"
        )
    return lookup.dataset.labels.cpu().numpy()[lookup.rows].astype(np.int64)


class _Members:
    """The rows of a lookup in the order of their labels; made once for all batches."""

    def __init__(self, lookup: RowLookup, labels: np.ndarray) -> None:
        self.labels = labels
        self._order = np.argsort(labels, kind="stable")
        self._ordered = labels[self._order]
        weights = np.ones(len(labels)) if lookup.weights is None else lookup.weights
        self._until = np.concatenate([[0.0], np.cumsum(weights[self._order])])

    def draw(self, first: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Places in the lookup `[n, count]` with the labels of the places ``first`` `[n]`."""
        label = self.labels[first]
        begin = np.searchsorted(self._ordered, label, "left")[:, None]
        end = np.searchsorted(self._ordered, label, "right")[:, None]
        share = rng.random((len(first), count))
        wanted = self._until[begin] + share * (self._until[end] - self._until[begin])
        drawn = np.searchsorted(self._until, wanted, side="right") - 1
        return self._order[np.clip(drawn, begin, end - 1)]
