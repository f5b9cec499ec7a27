"""Held-out combinations of factors, which training never sees."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.errors import ConfigError
from vaescope.ranges import Probability, Share, in_range

_ROUNDING = 1e-9
Chosen = Sequence[int | str] | None


class _ByValues:
    """What is held out by the values of some factors: their kinds, and which of their values.

    Args:
        factors: by name or position; None: all of these kinds with at least ``least`` values.
    """

    kinds: ClassVar[tuple[str, ...]]
    least: ClassVar[int]
    needs_all: ClassVar[bool] = False  # of the chosen factors; else one is enough

    def __init__(self, factors: Chosen = None) -> None:
        self.factors = factors

    def check(self, factors: Factors) -> None:
        """Refuse factors of other kinds or of too few values, and sets that have no others."""
        self._positions(factors)

    def mask(self, values: Tensor, factors: Factors) -> Tensor:
        """Which of the factor values `[N, K]` are held out, bool `[N]`."""
        each = torch.stack([self._left_out(values, k, factors) for k in self._positions(factors)])
        return each.all(0) if self.needs_all else each.any(0)

    def _left_out(self, values: Tensor, position: int, factors: Factors) -> Tensor:
        """Which values of one factor are meant, bool `[N]`."""
        raise NotImplementedError

    def _positions(self, factors: Factors) -> list[int]:
        fit = [
            k
            for k, (size, kind) in enumerate(zip(factors.sizes, factors.kinds, strict=True))
            if kind in self.kinds and (size or math.inf) >= self.least
        ]
        positions = fit if self.factors is None else factors.positions_of(self.factors)
        if not positions or not set(positions) <= set(fit):
            names = [factors.names[position] for position in fit]
            given = "" if self.factors is None else f"factors={list(self.factors)} was given; "
            raise ConfigError(
                f"{given}values are held out of {' or '.join(self.kinds)} factors with at least "
                f"{self.least} values, which are here {names or 'none: take hold_out=null'}"
            )
        return positions


class Hull(_ByValues):
    """Training sees the surface of the box that some factors span; its inside is held out.

    Training has every combination in which one of the chosen factors takes its first or last
    value; what is held out lies in the convex hull of these.

    Args:
        factors: ordinal factors, by name or position; None: all with at least three values.
    """

    kinds, least, needs_all = ("ordinal",), 3, True

    def _left_out(self, values: Tensor, position: int, factors: Factors) -> Tensor:
        column = values[:, position]
        return (column > 0) & (column < factors.sizes[position] - 1)


class Interpolation(_ByValues):
    """Every second inner value of some factors is held out; training sees its neighbours.

    A combination is held out if any of the chosen factors has such a value: 1, 3, 5, ... but not
    the last of an ordinal factor. The last value of a circular one has neighbours, too.

    Args:
        factors: ordinal or circular factors, by name or position; None: all with at least three
            values.

    Source: Schott et al. 2022, "Visual Representation Learning Does Not Generalize Strongly Within
    the Same Domain", https://arxiv.org/abs/2107.08221. Differs: the paper's splits are lists of
    rows, and what they leave out varies by factor; these are not reproduced.
    """

    kinds, least = ("ordinal", "circular"), 3

    def _left_out(self, values: Tensor, position: int, factors: Factors) -> Tensor:
        column, size = values[:, position], factors.sizes[position]
        last = size if factors.kinds[position] == "circular" else size - 1
        return (column % 2 == 1) & (column < last)


class Extrapolation(_ByValues):
    """The upper part of the range of some factors is held out.

    A combination is held out if any of the chosen factors has c > 1 - share, where c is
    value / (size - 1) in [0, 1].

    Args:
        share: of the range of each factor, between 0 and 1.
        factors: ordinal or continuous factors, by name or position; None: all with at least two
            values.

    Source: Schott et al. 2022, "Visual Representation Learning Does Not Generalize Strongly Within
    the Same Domain", https://arxiv.org/abs/2107.08221. Differs: the paper's splits are lists of
    rows, which are not reproduced.
    """

    kinds, least = ("ordinal", "continuous"), 2

    @in_range
    def __init__(self, share: Share = 0.25, factors: Chosen = None) -> None:
        super().__init__(factors)
        self.share = share

    def _left_out(self, values: Tensor, position: int, factors: Factors) -> Tensor:
        return factors.shares_of_range(values, position) > 1 - self.share + _ROUNDING


class Recombination:
    """Ranges of values that training sees one by one, but never together.

    A combination is held out if every one of the chosen factors has low <= c <= high, where c is
    value / (size - 1) in [0, 1].

    Args:
        ranges: low and high of each chosen factor, in [0, 1].
        factors: at least two factors of any kind, by name or position; None: the last two.

    Source: Montero et al. 2021, "The Role of Disentanglement in Generalisation",
    https://openreview.net/forum?id=qbH974jKUVy, its condition "recombination to range". Differs:
    which ranges is left to the user.
    """

    @in_range
    def __init__(self, ranges: Sequence[Sequence[Probability]], factors: Chosen = None) -> None:
        pairs = [tuple(bounds) for bounds in ranges]
        if len(pairs) < 2 or not all(len(pair) == 2 for pair in pairs):
            raise ConfigError(
                f"ranges={list(ranges)} was given; give [low, high] for each of two factors or more"
            )
        if not all(0 <= low <= high <= 1 for low, high in pairs):
            raise ConfigError(
                f"ranges={list(ranges)} was given; bounds are shares of a factor's range, "
                "0 <= low <= high <= 1"
            )
        self.ranges, self.factors = pairs, factors

    def check(self, factors: Factors) -> None:
        """Refuse ranges that hold nothing, or all values of a factor: others are not seen then."""
        for position, (low, high) in self._ranges(factors):
            name, size = factors.names[position], factors.sizes[position]
            steps = torch.arange(max(size, 1))[:, None].expand(-1, len(factors))
            inside = _within(factors.shares_of_range(steps, position), low, high)
            whole = high - low == 1 if size == 0 else bool(inside.all())
            if whole or (size and not inside.any()) or (not size and high == low):
                raise ConfigError(
                    f"the range [{low}, {high}] of factor {name!r} holds "
                    f"{'all' if whole else 'none'} of its values; choose another"
                )

    def mask(self, values: Tensor, factors: Factors) -> Tensor:
        """Which of the factor values `[N, K]` are held out, bool `[N]`."""
        held_out = torch.ones(len(values), dtype=torch.bool)
        for position, (low, high) in self._ranges(factors):
            held_out &= _within(factors.shares_of_range(values, position), low, high)
        return held_out

    def _ranges(self, factors: Factors) -> list[tuple[int, tuple[float, ...]]]:
        """Position and range of every chosen factor."""
        chosen = (-2, -1) if self.factors is None else self.factors
        if len(chosen) != len(self.ranges):
            raise ConfigError(
                f"{len(self.ranges)} ranges were given for {len(chosen)} factors; give one of each"
            )
        return list(zip(factors.positions_of(chosen), self.ranges, strict=True))


def _within(share: Tensor, low: float, high: float) -> Tensor:
    return (share >= low - _ROUNDING) & (share <= high + _ROUNDING)
