"""Correlated factors: how often training shows each combination of their values."""

from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.errors import ConfigError
from vaescope.ranges import in_range


class CorrelatedFactors:
    """Frequencies ∏ exp(-(c1 - c2)² / 2σ²) over pairs of factors, c = value / (size - 1) in [0, 1].

    Args:
        pairs: two factors each, by name or position; negative positions count from the end.
        sigma: σ; smaller: stronger. 0.1 is strong, 0.7 hardly seen, infinite none.
        inverted: whether one is high where the other is low: c1 - (1 - c2) in place of c1 - c2.

    Source: Träuble et al. 2021, "On Disentangled Representations Learned from Correlated Data",
    https://arxiv.org/abs/2006.07886; several pairs and ``inverted``: Roth et al. 2023,
    "Disentanglement of Correlated Factors via Hausdorff Factorized Support",
    https://arxiv.org/abs/2210.07347. Differs: none known.
    """

    @in_range
    def __init__(
        self,
        pairs: Sequence[Sequence[int | str]],
        sigma: Annotated[float, Interval(gt=0)] = 0.2,
        inverted: bool = False,
    ) -> None:
        if not pairs or any(isinstance(pair, str) or len(pair) != 2 for pair in pairs):
            raise ConfigError(
                f"pairs={list(pairs)} was given; give two factors each: [[0, 1], ...]"
            )
        self.pairs, self.sigma, self.inverted = pairs, sigma, inverted

    def check(self, factors: Factors) -> None:
        """Refuse factors that are unknown, have one value only, or are paired with themselves."""
        for pair in self._pairs(factors):
            for position in pair:
                _require_values(position, factors)

    def weights(self, values: Tensor, factors: Factors) -> Tensor:
        """Relative frequencies float64 `[N]` of the factor values `[N, K]`; the largest is 1."""
        exponent = torch.zeros(len(values), dtype=torch.float64)
        for first, second in self._pairs(factors):
            a, b = (factors.shares_of_range(values, position) for position in (first, second))
            exponent -= (a - (1 - b if self.inverted else b)) ** 2 / (2 * self.sigma**2)
        # as logarithms until here, so that a small sigma does not leave all rows at 0
        return (exponent - exponent.max()).exp()

    def _pairs(self, factors: Factors) -> list[list[int]]:
        return [factors.positions_of(pair) for pair in self.pairs]


class Confounder(CorrelatedFactors):
    """One factor correlated with every other: all follow it, and so each other.

    Args:
        factor: its name or position.
        sigma: σ of ``CorrelatedFactors``; smaller: stronger.
        inverted: whether the others are low where it is high.

    Source: Roth et al. 2023, "Disentanglement of Correlated Factors via Hausdorff Factorized
    Support", https://arxiv.org/abs/2210.07347. Differs: none known.
    """

    @in_range
    def __init__(
        self,
        factor: int | str,
        sigma: Annotated[float, Interval(gt=0)] = 0.2,
        inverted: bool = False,
    ) -> None:
        self.factor, self.sigma, self.inverted = factor, sigma, inverted

    def check(self, factors: Factors) -> None:
        """Refuse a factor that is unknown or has one value only, or where no other has more."""
        _require_values(factors.position_of(self.factor), factors)
        if not self._pairs(factors):
            raise ConfigError(f"factor={self.factor!r}: no other factor has more than one value")

    def _pairs(self, factors: Factors) -> list[list[int]]:
        own = factors.position_of(self.factor)
        return [[own, k] for k, size in enumerate(factors.sizes) if k != own and size != 1]


def _require_values(position: int, factors: Factors) -> None:
    if factors.sizes[position] == 1:
        raise ConfigError(
            f"factor {factors.names[position]!r} has one value, so nothing can follow it; "
            "choose another"
        )
