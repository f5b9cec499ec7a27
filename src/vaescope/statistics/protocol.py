"""What a statistic is: a function of one encoded split, or of several, to named numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from vaescope.ranges import check_fields
from vaescope.statistics.encoded_split import Codes, EncodedSplit


class Options:
    """Base of dataclasses whose fields are options with declared ranges."""

    def __post_init__(self) -> None:
        """Refuse options outside their ranges."""
        check_fields(self)


class Statistic(Protocol):
    """Maps an encoded split to named numbers."""

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Return log keys and values; empty where the statistic has no meaning."""
        ...


@runtime_checkable
class GroupStatistic(Protocol):
    """Compares the members of an ensemble; a single model has no such numbers."""

    def compare(self, members: Sequence[Codes]) -> list[dict[str, float]]:
        """Return log keys and values of each of two or more members, in their order."""
        ...


Statistics = Mapping[str, Statistic | GroupStatistic]


def finite_numbers(numbers: Mapping[str, float]) -> dict[str, float]:
    """Without infinities, which have no mean over seeds; a NaN stays and is seen."""
    return {name: value for name, value in numbers.items() if not math.isinf(value)}
