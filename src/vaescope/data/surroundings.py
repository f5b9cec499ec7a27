"""Surroundings: images of a data set around some of its points, at a width in factor space.

Where every combination of factors has an image, they are those of steps or draws around the point.
Where it has not (your own files, continuous labels), they are the rows that there are, nearest in
factor space.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.data.factor_jacobian import class_shift, neighbours, step_of
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup

_PROBED = 2000  # combinations looked up to learn how many of them there are
_LEAST_FOUND = 0.5
_NEAREST = 8  # rows for each factor at scale 0


class Around(NamedTuple):
    """Images around n points.

    Attributes:
        images: of M neighbours of each [n, M, *image_shape].
        shifts: of their factors, in standard deviations [n, M, K], float64.
        enough: whether there are as many as were asked for, and slopes follow from them [n].
    """

    images: Tensor
    shifts: Tensor
    enough: Tensor


# of factor values [B, K]: their images and whether there are such ones, else those of the rows [B];
# what is no factor stays as it is in the rows
ImagesOf = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Surroundings(Protocol):
    """Where images around a point come from."""

    columns: Sequence[int]  # positions of the factors that count

    @property
    def told(self) -> str:
        """The same in words."""
        ...

    @property
    def images(self) -> ImagesOf | None:
        """Those of any values of the factors; None: only the rows that there are can be had."""
        ...

    def around(self, rows: Tensor, scale: float, draws: int, rng: np.random.Generator) -> Around:
        """Images around rows [n]: within a width in standard deviations, or the next ones (0)."""
        ...


def surroundings_of(dataset: FactorDataset, columns: Sequence[int]) -> Surroundings:
    """The surroundings that a data set has.

    Args:
        dataset: on any device; what comes of it is on the CPU.
        columns: positions of the factors that count; others stay as they are at a point, or vary
            with the rows that there are.
    """
    discrete = not dataset.factors.has_continuous
    if isinstance(dataset, RenderedDataset) and not (discrete and dataset.has_nuisance):
        told = "computed for any values of the factors"
        return _Any(dataset, columns, told, partial(_computed, dataset))
    if discrete and _is_grid(dataset):
        told = "of the whole grid of the factors"
        return _Any(dataset, columns, told, partial(_of_grid, dataset))
    if discrete:
        lookup, rng = RowLookup(dataset, torch.arange(len(dataset))), np.random.default_rng(0)
        asked = dataset.factors.sample(_PROBED, rng).numpy()
        share = float((lookup.find(asked, rng) >= 0).mean())
        if share >= _LEAST_FOUND:
            told = f"of the {share:.0%} of all combinations of the factors that some image has"
            return _Any(dataset, columns, told, partial(_of_lookup, dataset, lookup))
    return _Nearest(dataset, columns)


def _computed(dataset: RenderedDataset, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    images = dataset.images(values.to(dataset.device)).cpu()
    return images, torch.ones(len(values), dtype=torch.bool)


def _of_grid(dataset: FactorDataset, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    index = dataset.factors.index(values)
    return _images_at(dataset, index, rows), torch.ones(len(values), dtype=torch.bool)


def _of_lookup(
    dataset: FactorDataset, lookup: RowLookup, values: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor]:
    index = torch.from_numpy(lookup.find(values.numpy(), np.random.default_rng(0)))
    index = torch.where(index >= 0, index, rows)
    return _images_at(dataset, index, rows), (dataset.values(index).cpu() == values).all(1)


def _images_at(dataset: FactorDataset, index: Tensor, draw: Tensor) -> Tensor:
    return dataset.images_at(index.to(dataset.device), draw.to(dataset.device)).cpu()


def _is_grid(dataset: FactorDataset) -> bool:
    """Whether the rows are all combinations of the factors in order."""
    if len(dataset) != dataset.factors.num_combinations:
        return False
    rows = torch.arange(len(dataset))
    return torch.equal(dataset.values(rows).cpu(), dataset.factors.values(rows))


@dataclass
class _Any:
    """Images of any values of the factors, or of most."""

    dataset: FactorDataset
    columns: Sequence[int]
    told: str
    images: ImagesOf

    def around(self, rows: Tensor, scale: float, draws: int, rng: np.random.Generator) -> Around:
        values, chosen = self.dataset.values(rows).cpu(), subset(self.dataset.factors, self.columns)
        near = neighbours(chosen, values[:, self.columns], scale, draws, rng)
        every = values[:, None].expand(-1, near.values.shape[1], -1).clone()
        every[..., self.columns] = near.values.to(every)
        images, found = self.images(every.flatten(0, 1), rows.repeat_interleave(every.shape[1]))
        shifts = near.shifts.masked_fill(~found.view(len(rows), -1, 1), 0)
        enough = _is_full_rank(shifts) if scale == 0 else _determined(shifts)
        return Around(images.unflatten(0, (len(rows), -1)), shifts, enough)


@dataclass
class _Nearest:
    """The rows nearest to a point in the standardised factors."""

    dataset: FactorDataset
    columns: Sequence[int]
    told = "those nearest in factor space, for there is no full grid of them"
    images = None

    @cached_property
    def places(self) -> Tensor:
        """Factor values of all rows in standard deviations [K, N], float32."""
        return places_of(self.dataset, torch.arange(len(self.dataset)), self.columns).T.contiguous()

    def around(self, rows: Tensor, scale: float, draws: int, rng: np.random.Generator) -> Around:
        images, shifts, enough = [], [], []
        for row in rows.tolist():
            moves = self._moves(row)
            picked, is_enough = self._picked(row, moves, scale, draws, rng)
            images.append(_images_at(self.dataset, picked, picked))
            shifts.append(moves[:, picked].T.double())
            enough.append(is_enough)
        moved = torch.stack(shifts)
        return Around(torch.stack(images), moved, torch.tensor(enough) & _determined(moved))

    def _moves(self, row: int) -> Tensor:
        """Shifts of all rows from one [K, N]."""
        return shifts_between(
            self.places[:, row, None], self.places, self.dataset.factors, self.columns
        )

    def _picked(
        self, row: int, moves: Tensor, scale: float, draws: int, rng: np.random.Generator
    ) -> tuple[Tensor, bool]:
        squares = moves.square()
        distance = squares.sum(0)
        distance[row] = torch.inf
        if scale == 0:
            return _each_way(squares, distance)
        log_weight = -distance / (2 * scale**2)
        weight = log_weight.exp()
        effective = weight.sum() ** 2 / weight.square().sum().clamp(min=1e-30)
        noise = torch.from_numpy(rng.gumbel(size=len(distance)).astype(np.float32))
        count = min(draws, len(distance) - 1) // 4 * 4
        picked = (log_weight + noise).topk(count).indices
        return picked, bool(effective >= draws)


def _each_way(squares: Tensor, distance: Tensor) -> tuple[Tensor, bool]:
    """For every factor the nearest rows that move by it at least as much as on average of all.

    In the order in which `gram_over_ball` takes every other one: each half has all factors.
    """
    parts, (dim, size) = [], squares.shape
    count, enough = min(_NEAREST, (size - 1) // 2 * 2), True
    for own in squares:
        far = distance.masked_fill((own * dim < distance) | (own == 0), torch.inf)
        found = far.topk(count, largest=False)
        parts.append(found.indices.view(-1, 2))
        enough = enough and bool(found.values.isfinite().all())
    return torch.stack(parts, 1).flatten(), enough and count == _NEAREST


def _is_full_rank(shifts: Tensor) -> Tensor:
    return torch.linalg.matrix_rank(shifts, rtol=1e-6) == shifts.shape[2]


def _determined(shifts: Tensor) -> Tensor:
    """Whether either half of the neighbours, see `slopes_of_halves`, determines all slopes [n]."""
    halves = (shifts[:, 0::2], shifts[:, 1::2])
    first, second = (_is_full_rank(half - half.mean(1, keepdim=True)) for half in halves)
    return first & second


def subset(factors: Factors, columns: Sequence[int]) -> Factors:
    """Some of the factors, by position."""
    parts = zip(factors.names, factors.sizes, factors.kinds, strict=True)
    chosen = list(parts)
    names, sizes, kinds = zip(*(chosen[k] for k in columns), strict=True)
    return Factors(names, sizes, kinds)


def places_of(dataset: FactorDataset, rows: Tensor, columns: Sequence[int]) -> Tensor:
    """Factor values of rows in standard deviations over the set [n, K], float32.

    A circular factor's are those of places that occur equally often; a categorical one's are its
    classes as they are.
    """
    factors, values = dataset.factors, dataset.values(rows).cpu()[:, columns].float()
    everything = dataset.values(torch.arange(len(dataset))).cpu()
    spread = everything[:, columns].double().std(0, correction=0)
    for k, position in enumerate(columns):
        size, kind = factors.sizes[position], factors.kinds[position]
        scale = {"categorical": 1.0, "circular": step_of(size, kind)}.get(kind)
        values[:, k] *= 1 / float(spread[k]) if scale is None else scale
    return values


def shifts_between(
    first: Tensor, second: Tensor, factors: Factors, columns: Sequence[int]
) -> Tensor:
    """Shifts of the factors from one place to another, both [K, ...]; circles go the short way."""
    shifts = second - first
    for k, position in enumerate(columns):
        size, kind = factors.sizes[position], factors.kinds[position]
        if kind == "categorical":
            shifts[k] = class_shift(size) * shifts[k].sign()
        elif kind == "circular":
            around = size * step_of(size, kind)
            shifts[k] = (shifts[k] + around / 2).remainder(around) - around / 2
    return shifts
