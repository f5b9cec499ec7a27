"""Constraints of a search: ``{val/active_latents: ">= 5"}``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaescope.errors import ConfigError
from vaescope.scores.objective import names_of, no_score, objective_keys, objective_values

_CONDITION = re.compile(r"\s*(>=|<=)\s*([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Constraint:
    """A score that has to reach a bound, or to stay below one.

    Attributes:
        key: of the score: ``val/active_latents``.
        least: whether the bound is the least value that is allowed, or else the largest.
        bound: the value.
    """

    key: str
    least: bool
    bound: float

    def violation(self, value: float) -> float:
        """By how much a value breaks it; at most 0 if it does not.

        Example:
            >>> Constraint("val/active_latents", least=True, bound=5).violation(3)
            2
        """
        return self.bound - value if self.least else value - self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.bound:g}"


def constraints_of(given: Any) -> list[Constraint]:
    """The constraints that a setting names.

    Raises:
        ConfigError: for anything but scores and conditions.
    """
    if given is not None and not isinstance(given, Mapping):
        raise _mistake(given)
    found = []
    for key, condition in (given or {}).items():
        parts = _CONDITION.fullmatch(str(condition))
        if parts is None:
            raise _mistake(f"{key}: {condition}")
        (name,) = objective_keys(str(key))
        found.append(Constraint(name, parts[1] == ">=", float(parts[2])))
    return found


def violations_of(
    constraints: list[Constraint], tested: list[dict[str, Any]], validated: list[dict[str, Any]]
) -> dict[str, float]:
    """By how much each constraint is broken, by the key of its score.

    Args:
        constraints: of the search.
        tested: rows of scores on the test part.
        validated: rows of scores on the validation part.

    Raises:
        ConfigError: if the run does not have such a score.
    """
    values = objective_values([each.key for each in constraints], tested, validated)
    found = {}
    for each in constraints:
        value = values[each.key]
        if value is None:
            raise no_score(each.key, names_of(tested if each.key[:5] == "test/" else validated))
        found[f"{each.key} {each}"] = each.violation(value)
    return found


def _mistake(given: Any) -> ConfigError:
    return ConfigError(
        f"hydra.sweeper.constraints: {given} was given; give scores and bounds, "
        """'hydra.sweeper.constraints={val/active_latents: ">= 5"}'"""
    )
