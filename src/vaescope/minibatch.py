"""Minibatches: which images make one (``Plan``), and the images themselves (``Batch``)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Known(NamedTuple):
    """What the data's view knows of the images of a batch; None: it does not say.

    Attributes:
        label: class of each image, or value of one of its factors, int64 `[B]`.
        group: number of the group that each image belongs to, int64 `[B]`.
        changed: in which factors the first partner differs, bool `[B, K]`.
        factor_labels: labels in [0, 1] of the first partner, NaN: unknown, float32 `[B, K]`.
    """

    label: Tensor | None = None
    group: Tensor | None = None
    changed: Tensor | None = None
    factor_labels: Tensor | None = None


class Plan(NamedTuple):
    """Which images a data set has to gather for a batch.

    Attributes:
        rows: row numbers int64 `[B]`; None: the images are rendered from ``factors``.
        draw: int64 `[B]`, the numbers that nuisance follows from; None: the rows' own.
        factors: factor values `[B, K]` of images that are rendered.
        partners: plans of the second, the third, ... image that belongs to each first one.
        known: what the view knows of the images.
    """

    rows: Tensor | None = None
    draw: Tensor | None = None
    factors: Tensor | None = None
    partners: tuple["Plan", ...] = ()
    known: Known = Known()

    def with_draws(self, rng: np.random.Generator) -> "Plan":
        """The plan with nuisance of its own for every row, partners too."""
        if self.rows is None:
            return self
        draw = torch.from_numpy(rng.integers(2**62, size=len(self.rows)))
        partners = tuple(partner.with_draws(rng) for partner in self.partners)
        return self._replace(draw=draw, partners=partners)


class Batch(NamedTuple):
    """The images of a batch.

    Attributes:
        image: float32 `[B, *image_shape]`.
        factors: factor values `[B, K]`.
        rows: row numbers int64 `[B]`; None: the images are no rows of the data set.
        partners: the second, the third, ... image that belongs to each first one.
        known: what the view knows of the images.
    """

    image: Tensor
    factors: Tensor
    rows: Tensor | None = None
    partners: tuple["Batch", ...] = ()
    known: Known = Known()

    @property
    def frames(self) -> Tensor:
        """The images, each followed by its partners, `[B, T, *image_shape]`: sequences."""
        return torch.stack([self.image, *(partner.image for partner in self.partners)], dim=1)

    def like(self, weights: Tensor) -> "Batch":
        """The batch on the device of the weights, its images in their type."""
        moved = on_tensors(lambda column: column.to(weights.device), self)
        partners = tuple(partner.like(weights) for partner in self.partners)
        return moved._replace(image=self.image.to(weights), partners=partners)


class Call(NamedTuple):
    """The batches of several updates, one after the other.

    Attributes:
        batch: rows of all of them `[U * B]`; a plan until its images are gathered.
        updates: U, at least 1.
    """

    batch: Any
    updates: int

    def each(self) -> Iterator[Batch]:
        """The batch of every update."""
        for number in range(self.updates):
            yield on_tensors(partial(_part, number=number, parts=self.updates), self.batch)


class BatchSlice(NamedTuple):
    """Which rows of each batch a process takes, where several make the updates of one run.

    Attributes:
        rank: number of the process, from 0.
        ranks: how many there are; they take equally many rows.
    """

    rank: int = 0
    ranks: int = 1

    def of(self, column: Tensor, axis: int = 0) -> Tensor:
        """This process's rows of a column of the whole batch, which lie along ``axis``.

        Example:
            >>> BatchSlice(rank=1, ranks=2).of(torch.arange(6)).tolist()
            [3, 4, 5]
        """
        return column.chunk(self.ranks, axis)[self.rank]


def _part(column: Tensor, number: int, parts: int) -> Tensor:
    size = len(column) // parts
    part = column[number * size : (number + 1) * size]
    # matrix products round otherwise where memory is aligned otherwise
    return part if part.data_ptr() % 64 == 0 else part.clone()


def on_tensors(function: Callable[..., Any], *trees: Any) -> Any:
    """A plan or batch of what ``function`` makes of the tensors; of several, of those in one place.

    Example:
        >>> pairs = Plan(torch.zeros(3), partners=(Plan(torch.zeros(2)),))
        >>> on_tensors(len, pairs).partners[0].rows
        2
    """
    first = trees[0]
    if first is None or isinstance(first, Tensor):
        return None if first is None else function(*trees)
    parts = [on_tensors(function, *part) for part in zip(*trees, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
