"""Rows grouped by the value of a factor, and random draws from the groups without a loop."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.information.information_matrix import continuous_columns
from vaescope.metrics.sorting import stable_order
from vaescope.tensor_checks import check_finite, misfit


@dataclass(frozen=True)
class SharedValues:
    """Rows of a pool grouped by each of K labels, from one sort."""

    order: Tensor  # rows sorted by label [K, N]
    start: Tensor  # where the group of each row begins in `order` [K, N]
    count: Tensor  # size of the group of each row [K, N]
    anchors: Tensor  # rows with those in groups of at least 2 first [K, N]
    num_anchors: Tensor  # number of rows in groups of at least 2 [K]

    def draw_anchors(self, which: Tensor, uniform: Tensor) -> Tensor:
        """Rows drawn evenly from those that share their value with another row.

        Args:
            which: the label that a row has to share, broadcast against ``uniform``.
            uniform: random numbers in [0, 1), one for each row to draw.
        """
        nth = (uniform * self.num_anchors[which]).long()
        return _taken(self.anchors, nth.add_(which * self.anchors.shape[1]))

    def draw_partners(self, which: Tensor, anchors: Tensor, uniform: Tensor) -> Tensor:
        """Rows drawn evenly, with replacement, from those that share the anchor's value.

        Args:
            which: the label that is shared, broadcast against ``uniform``.
            anchors: row numbers, broadcast against ``uniform``; an anchor can be its own partner.
            uniform: random numbers in [0, 1), one for each row to draw.
        """
        first = which * self.order.shape[1]
        places = first + anchors
        steps = (uniform * _taken(self.count, places)).long()
        return _taken(self.order, steps.add_(_taken(self.start, places)).add_(first))


def _taken(table: Tensor, places: Tensor) -> Tensor:
    """Entries of a table [K, N] at places k N + n; `index_select` is the quickest way to them."""
    return table.view(-1).index_select(0, places.flatten()).view(places.shape)


def group_rows(labels: Tensor) -> SharedValues:
    """Groups of rows with the same label [N, K], for each column on its own."""
    columns = labels.T.contiguous()
    order = stable_order(columns)
    ordered = columns.gather(1, order)
    first = torch.searchsorted(ordered, ordered)
    size = torch.searchsorted(ordered, ordered, right=True) - first
    start = torch.empty_like(order).scatter_(1, order, first)
    count = torch.empty_like(order).scatter_(1, order, size)
    anchors = stable_order((count < 2).short())
    return SharedValues(order, start, count, anchors, (count >= 2).sum(1))


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
