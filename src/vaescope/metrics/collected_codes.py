"""torchmetrics: collect codes and factors once per evaluation, for every score that needs them."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from vaescope.tensor_checks import misfit


class CollectedCodes(Metric):
    """All codes [N, D] and factors [N, K] of an evaluation, over batches and processes."""

    full_state_update = False
    codes: list[Tensor]
    factors: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("codes", default=[], dist_reduce_fx="cat")
        self.add_state("factors", default=[], dist_reduce_fx="cat")

    def update(self, codes: Tensor, factors: Tensor) -> None:
        """Keep one batch: codes [n, D] and values of the factors [n, K]."""
        if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors):
            raise misfit("[n, D] and [n, K]", codes=codes, factors=factors)
        self.codes.append(codes.detach())
        self.factors.append(factors.detach())

    def compute(self) -> Any:
        """All codes [N, D] and factors [N, K], in the order of the updates."""
        return dim_zero_cat(self.codes), dim_zero_cat(self.factors)


class OnCodes(CollectedCodes):
    """A score of the collected codes and factors; several in a `MetricCollection` share them.

    Args:
        score: pure function of codes [N, D] and factors [N, K].
    """

    def __init__(self, score: Callable[[Tensor, Tensor], float | dict[str, float]]) -> None:
        super().__init__()
        self.score = score

    def compute(self) -> float | dict[str, float]:
        """The score of everything collected."""
        return self.score(*super().compute())
