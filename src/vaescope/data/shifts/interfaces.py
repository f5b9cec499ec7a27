"""What shifts the distribution of the factors in training: interfaces of the data module."""

from typing import Protocol

from torch import Tensor

from vaescope.data.factors import Factors


class Sampling(Protocol):
    """How often training sees each combination of factors; see ``data.shifts.correlated``."""

    def check(self, factors: Factors) -> None:
        """Refuse factors that this does not fit."""

    def weights(self, values: Tensor, factors: Factors) -> Tensor:
        """Relative frequencies float64 `[N]` of rows with the factor values `[N, K]`."""


class HoldOut(Protocol):
    """Combinations that training never sees; see ``data.shifts.held_out_combinations``."""

    def check(self, factors: Factors) -> None:
        """Refuse factors that this does not fit."""

    def mask(self, values: Tensor, factors: Factors) -> Tensor:
        """Which rows, of factor values `[N, K]`, are held out, bool `[N]`."""
