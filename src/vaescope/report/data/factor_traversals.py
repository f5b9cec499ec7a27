"""Rows of images in which one factor goes through its values and the others stay."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.minibatch import Batch
from vaescope.report.data.lookup import Lookup
from vaescope.streams import stream

_SHOWN = 10


@dataclass(frozen=True)
class Traversal:
    """Images of several base images whose one factor takes several values.

    Args:
        name: of the factor, or what else varies.
        kind: of the factor.
        values: of the factor, one a column `[S]`.
        images: `[R, S, *image_shape]`, one row for each base image.
        wanted: factor values that were asked for `[R, S, K]`.
        shown: factor values of the images `[R, S, K]`; they differ where no image has these.
    """

    name: str
    kind: str
    values: np.ndarray
    images: Tensor
    wanted: np.ndarray
    shown: np.ndarray

    @property
    def replaced(self) -> np.ndarray:
        """Where another image stands for one that there is not, bool `[R, S]`."""
        return (self.wanted != self.shown).any(-1)


def traverse_factors(lookup: Lookup, bases: Tensor) -> list[Traversal]:
    """A traversal of every factor, from the same base images; none without factors.

    Where no image has the values that are wanted, the nearest one is shown.

    Args:
        lookup: the data set.
        bases: rows of the base images int64 `[R]`.
    """
    return [_traversal(lookup, bases, k) for k in range(len(lookup.dataset.factors))]


def nuisance_traversal(lookup: Lookup, bases: Tensor) -> Traversal | None:
    """Images of the same rows with other random numbers; None where nothing else varies."""
    if not lookup.dataset.has_nuisance:
        return None
    draws = torch.from_numpy(stream(lookup.seed, "show/draws").integers(2**62, size=_SHOWN))
    rows, draw = bases.repeat_interleave(_SHOWN), draws.repeat(len(bases))
    images = lookup.images(rows, draw).unflatten(0, (len(bases), _SHOWN))
    values = np.repeat(lookup.values[bases][:, None], _SHOWN, axis=1)
    columns = np.arange(1, _SHOWN + 1)
    return Traversal("what is no factor", "drawn at random", columns, images, values, values)


def shown_values(lookup: Lookup, position: int) -> np.ndarray:
    """Up to ten evenly spaced values of one factor; of those that occur, if images are stored."""
    factors = lookup.dataset.factors
    kind, column = factors.kinds[position], lookup.values[:, position]
    if kind == "continuous":
        first, last = (0, 1) if lookup.computes else (column.min(), column.max())
        return np.linspace(first, last, _SHOWN)
    occurring = np.flatnonzero(np.bincount(column.astype(np.int64)))
    count = min(_SHOWN, len(occurring))
    # a circle's last value lies beside its first one
    last = len(occurring) * (count - 1) / count if kind == "circular" else len(occurring) - 1
    return occurring[np.linspace(0, last, count).round().astype(int)]


def _traversal(lookup: Lookup, bases: Tensor, position: int) -> Traversal:
    factors, values = lookup.dataset.factors, shown_values(lookup, position)
    start = lookup.values[bases.numpy()]
    wanted = np.repeat(start[:, None], len(values), axis=1)
    wanted[:, :, position] = values
    flat, draw = wanted.reshape(-1, len(factors)), bases.repeat_interleave(len(values))
    shown, found = flat.copy(), np.zeros(len(flat), dtype=bool)
    images = torch.zeros(len(flat), *lookup.dataset.image_shape)
    if lookup.is_exact:
        exact, found = lookup.exact(flat, draw)
        images[torch.from_numpy(found)] = exact.float()
    if not found.all():
        rows = [lookup.nearest(combination, position) for combination in flat[~found]]
        missing = torch.from_numpy(~found)
        images[missing] = lookup.images(torch.tensor(rows), draw[missing]).float()
        shown[~found] = lookup.values[rows]
    return Traversal(
        factors.names[position],
        factors.kinds[position],
        values,
        images.unflatten(0, wanted.shape[:2]),
        wanted,
        shown.reshape(wanted.shape),
    )


def tuples(batch: Batch, factors: Factors, count: int) -> tuple[Tensor, list[str]]:
    """The first ``count`` pairs, triplets or groups of a gathered batch, as its view makes them.

    Returns:
        Images `[T, G, *image_shape]`, those that belong together a row, and captions `[T]`.
    """
    group, label = batch.known.group, batch.known.label
    if group is not None and label is not None:
        size = int((group == group[0]).sum())
        images = batch.image.unflatten(0, (-1, size))[:count]
        return images, [f"shared: {shared}" for shared in label[::size][:count].tolist()]
    images = torch.stack([part.image[:count] for part in (batch, *batch.partners)], dim=1)
    captions = []
    for row in range(len(images)):
        pairs = [(batch.factors[row], partner.factors[row]) for partner in batch.partners]
        changes = [_changes(first, second, factors) for first, second in pairs]
        if len(changes) > 1:
            changes = [f"{number}: {told}" for number, told in enumerate(changes, start=2)]
        captions.append("; ".join(changes))
    return images, captions


def _changes(first: Tensor, second: Tensor, factors: Factors) -> str:
    """``scale 2 → 5, x 0 → 1``: the factors that differ."""
    values = zip(factors.names, first.tolist(), second.tolist(), strict=True)
    changes = [f"{name} {a:.3g} → {b:.3g}" for name, a, b in values if a != b]
    return ", ".join(changes) or "nothing changed"
