"""Factors that a setting names, by name or by position."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.errors import ConfigError


def position_of(factor: str | int, factors: Factors) -> int:
    """Position 0..K-1 of one factor.

    Args:
        factor: its name, or its position; negative ones count from the end.
        factors: all factors of the data set.

    Raises:
        ConfigError: there is no such factor.
    """
    if isinstance(factor, str) and factor in factors.names:
        return factors.names.index(factor)
    if isinstance(factor, int) and -len(factors) <= factor < len(factors):
        return factor % len(factors)
    raise ConfigError(
        f"factor {factor!r} was given, but the data set has {list(factors.names) or 'no factors'}; "
        "give a name of these, or a position"
    )


def positions_of(chosen: Sequence[str | int], factors: Factors) -> list[int]:
    """Positions 0..K-1 of several factors, in the order given.

    Raises:
        ConfigError: there is no such factor, or one is named twice.
    """
    positions = [position_of(factor, factors) for factor in chosen]
    if len(set(positions)) < len(positions):
        raise ConfigError(f"factors {list(chosen)} name one factor twice; name each once")
    return positions


def in_unit_interval(values: Tensor, position: int, factors: Factors) -> Tensor:
    """Values of one factor as shares of its range: value / (size - 1), continuous ones as they are.

    Args:
        values: combinations `[N, K]`.
        position: of the factor.
        factors: of the data set.

    Returns:
        float64 `[N]` in [0, 1]; 0 for a factor of one value.
    """
    steps = max(factors.sizes[position] - 1, 1)
    return values[:, position].to(torch.float64) / steps
