"""Rows grouped by the value of a factor, and random draws from the groups without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.information.information_matrix import continuous_columns
from vaescope.metrics.sorting import stable_order
from vaescope.tensor_checks import check_finite, misfit

_MOST_KEPT = 2**21  # random numbers, 16 MB


@dataclass(frozen=True)
class SharedValues:
    """Rows of a pool grouped by each of K labels, from one sort; numbers of 32 bits if they fit."""

    order: Tensor  # rows sorted by label [K N]
    start: Tensor  # where in `order` the group of each row begins [K N]
    count: Tensor  # size of the group of each row [K N]
    # rows with those in groups of at least 2 first [K N]; None: all rows are in such groups
    anchors: Tensor | None
    num_anchors: Tensor  # number of rows in groups of at least 2 [K]
    num_rows: int  # N

    def draw_anchors(self, which: Tensor, uniform: Tensor) -> Tensor:
        """Rows drawn evenly from those that share their value with another row.

        Args:
            which: the label that a row has to share, broadcast against ``uniform``.
            uniform: random numbers in [0, 1), one for each row to draw.
        """
        nth = (uniform * self.num_anchors[which]).to(self.order.dtype)
        if self.anchors is None:
            return nth
        return _taken(self.anchors, nth.add_(self._first(which)))

    def draw_partners(self, which: Tensor, anchors: Tensor, uniform: Tensor) -> Tensor:
        """Rows drawn evenly, with replacement, from those that share the anchor's value.

        Args:
            which: the label that is shared, broadcast against ``uniform``.
            anchors: row numbers, broadcast against ``uniform``; an anchor can be its own partner.
            uniform: random numbers in [0, 1), one for each row to draw.
        """
        places = self._first(which) + anchors
        steps = (uniform * _taken(self.count, places)).to(self.order.dtype)
        return _taken(self.order, steps.add_(_taken(self.start, places)))

    def _first(self, which: Tensor) -> Tensor:
        """Places of row 0 of these labels in the tables."""
        return (which * self.num_rows).to(self.order.dtype)


def _taken(table: Tensor, places: Tensor) -> Tensor:
    """Entries of a table at places of any shape; `index_select` is the quickest way to them."""
    return table.index_select(0, places.flatten()).view(places.shape)


def group_rows(labels: Tensor) -> SharedValues:
    """Groups of rows with the same label [N, K], for each column on its own."""
    columns = labels.T.contiguous()
    order = stable_order(columns)
    ordered = columns.gather(1, order)
    first = torch.searchsorted(ordered, ordered)
    size = torch.searchsorted(ordered, ordered, right=True) - first
    first += torch.arange(len(columns), device=labels.device)[:, None] * len(labels)
    start = torch.empty_like(order).scatter_(1, order, first)
    count = torch.empty_like(order).scatter_(1, order, size)
    alone = count < 2
    few = torch.int32 if order.numel() < 2**31 else torch.int64
    order, start, count = (table.to(few).flatten() for table in (order, start, count))
    anchors = stable_order(alone.short()).to(few).flatten() if bool(alone.any()) else None
    return SharedValues(order, start, count, anchors, (~alone).sum(1), len(labels))


def value_classes(factors: Tensor, *, kinds: Sequence[str] | None = None, bins: int = 20) -> Tensor:
    """Class of every factor value [N, K], so that a class can be held fixed: 0, 1, ... in order.

    Args:
        factors, kinds: as in `vaescope.metrics`.
        bins: classes that a continuous factor is cut into. They hold about equally many rows, so
            that each has enough to draw from; equal values stay together.
    """
    if bins < 2:
        raise ValueError(f"bins = {bins}, but at least 2 are needed")
    continuous = continuous_columns(factors, kinds).tolist()
    columns = []
    for column, cut in zip(factors.T, continuous, strict=True):
        values = column.contiguous()
        if cut:
            values = torch.searchsorted(values.sort().values, values) * bins // len(values)
        columns.append(torch.unique(values, return_inverse=True)[1])
    return torch.stack(columns, 1)


def pool_rows(codes: Tensor, factors: Tensor) -> Tensor:
    """Codes [N, D] as float64, detached, once they fit the factors."""
    if codes.ndim != 2 or 0 in codes.shape or len(codes) != len(factors):
        raise misfit("non-empty [N, D] and [N, K]", codes=codes, factors=factors)
    check_finite("check the encoder before scoring it", codes=codes)
    return codes.detach().double()


def fixable_factors(classes: Tensor, groups: SharedValues) -> Tensor:
    """Factors that can be held fixed: at least two values, one of them in at least two rows.

    Args:
        classes: labels of the factors [N, K].
        groups: the rows by the same labels.

    Raises:
        NoScoreError: if there is none.
    """
    fixable = (classes.amax(0) > classes.amin(0)) & (groups.num_anchors > 0)
    if not bool(fixable.any()):
        raise NoScoreError(
            f"no factor has two values and two rows that share one of them among {len(classes)} "
            "rows: encode more rows, or give factors with unique values the kind continuous"
        )
    return fixable.nonzero().flatten()


def spread(codes: Tensor) -> Tensor:
    """Standard deviation of each latent [D] by N - 1; exactly 0 for a constant one."""
    shifted = codes - codes[:1]
    centred = shifted - shifted.mean(0)
    constant = (shifted == 0).all(0)
    std = (centred.square().sum(0) / max(1, len(codes) - 1)).sqrt()
    return std.where(~constant, 0.0)


def uniforms(generator: torch.Generator, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Random numbers in [0, 1), float64, by a generator of the CPU: the same on every device."""
    return torch.rand(shape, generator=generator, dtype=torch.float64).to(device)


def uniforms_of_seed(
    seed: int, shapes: tuple[tuple[int, ...], ...], device: torch.device
) -> list[Tensor]:
    """Random numbers in [0, 1) of these shapes, one after the other, by a generator of the seed.

    Each of a panel's samples asks for the same ones, so those of the last two questions are kept;
    nothing may be written into them.
    """
    few = sum(map(prod, shapes)) <= _MOST_KEPT
    drawn = (_drawn if few else _drawn.__wrapped__)(seed, shapes)
    return [part.to(device) for part in drawn]


@lru_cache(maxsize=2)  # of the FactorVAE score and of the BetaVAE score
def _drawn(seed: int, shapes: tuple[tuple[int, ...], ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(False):  # else they would be of use there alone
        return [uniforms(generator, shape, torch.device("cpu")) for shape in shapes]
