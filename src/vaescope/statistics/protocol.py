"""What a statistic is: a look at held-out data, or looks at several models, to named numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from vaescope.statistics.held_out import Codes, HeldOut


class Statistic(Protocol):
    """Maps a look at held-out data to named numbers."""

    def __call__(self, held_out: HeldOut) -> dict[str, float]:
        """Return log keys and values; empty where the statistic has no meaning."""
        ...


@runtime_checkable
class GroupStatistic(Protocol):
    """Compares the members of an ensemble; a single model has no such numbers."""

    def together(self, looks: Sequence[Codes]) -> list[dict[str, float]]:
        """Return log keys and values of each of two or more members, in their order."""
        ...


Statistics = Mapping[str, Statistic | GroupStatistic]


def finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Without infinities, which have no mean over seeds; a NaN stays and is seen."""
    return {name: value for name, value in numbers.items() if not math.isinf(value)}
