"""Numbers outside the range that is declared beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, Protocol

import pytest
from annotated_types import Interval, MinLen

from vaescope.errors import ConfigError
from vaescope.ranges import (
    Count,
    Decay,
    NonNegative,
    Positive,
    Share,
    check_fields,
    fits,
    in_range,
    interval_of,
    outside,
    words,
)


@in_range
def made(
    beta: NonNegative,
    *,
    steps: Count | None = None,
    sizes: Sequence[Count] = (),
    variance: Literal["optimal"] | Positive = "optimal",
    betas: tuple[Decay, Decay] = (0.9, 0.999),
    text: str = "a",
) -> float:
    """Something with numbers of every kind."""
    return beta


class View(Protocol):
    def check(self) -> None: ...


@dataclass
class Fields:
    share: Share = 0.5
    anything: Any = None


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (NonNegative, "a number from 0 to 1,000,000,000"),
        (Positive, "a number above 0 up to 1,000,000,000"),
        (Share, "a number above 0 and below 1"),
        (Decay, "a number from 0 to below 1"),
        (Count | None, "an integer from 1 to 1,000,000,000 or null"),
        (Annotated[float, Interval(gt=0)], "a number above 0"),
        (Annotated[float, Interval(lt=0.5)], "a number below 0.5"),
        (Literal[-1] | Count, "-1 or an integer from 1 to 1,000,000,000"),
        (Literal["a", "b"], "one of 'a', 'b'"),
        (tuple[Decay, Decay], "a list of 2, each a number from 0 to below 1"),
        (Sequence[Count], "a list, each an integer from 1 to 1,000,000,000"),
        (tuple[int, ...], "a list, each an integer"),
        (bool | str, "true or false or text"),
        (Annotated[list[str], MinLen(1)], "a list of at least 1, each text"),
    ],
)
def test_a_range_in_words(hint, text):
    assert words(hint) == text


@pytest.mark.parametrize("bad", [-1, -1e-300, math.nan, math.inf, -math.inf, 1e30, 10**12])
def test_all_numbers_outside_are_refused_at_once(bad):
    with pytest.raises(ConfigError) as refusal:
        made(bad, steps=0, sizes=[3, 0], variance=0.0, betas=(0.9, 1.0))
    told = str(refusal.value).split("; ")
    assert [line.split("=")[0] for line in told] == ["beta", "steps", "sizes", "variance", "betas"]
    assert told[0] == f"beta={bad!r}: give a number from 0 to 1,000,000,000"
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize("good", [0, 0.0, 1, 10**9, 5e-324])
def test_numbers_inside_pass(good):
    assert made(good, steps=None, sizes=[1, 2], variance=1e-9, betas=[0, 0.5]) == good


def test_positional_arguments_and_missing_ones():
    with pytest.raises(TypeError, match="beta"):
        made()
    assert made.__name__ == "made"
    assert made.__doc__ == "Something with numbers of every kind."


def test_fields_of_a_dataclass():
    check_fields(Fields())
    with pytest.raises(ConfigError, match=r"^share=1: give a number above 0 and below 1$"):
        check_fields(Fields(share=1, anything=-3))


@pytest.mark.parametrize(
    ("value", "hint", "holds"),
    [
        (1, Count, True),
        (True, Count, False),
        (1.0, Count, False),
        ("1", Count, False),
        (None, Count, False),
        ([1], Count, False),
        (None, Count | None, True),
        (math.nan, NonNegative, False),
        (3, NonNegative, True),
        (-1, Literal[-1] | Count, True),
        (-2, Literal[-1] | Count, False),
        (True, Literal[1], False),
        ([0.9, 0.99], tuple[Decay, Decay], True),
        ([0.9], tuple[Decay, Decay], False),
        ([0.9, "a"], tuple[Decay, Decay], False),
        ("ab", Sequence[str], False),
        (["ab", ""], Sequence[str], False),
        ("", str | None, False),
        (" ", str, False),
        ({"a": 1}, dict, True),
        ({"_target_": "x"}, Count, True),
        ([1], list, True),
        ([], Annotated[list[str], MinLen(1)], False),
        (["a"], Annotated[list[str], MinLen(1)] | None, True),
        (None, Annotated[list[str], MinLen(1)] | None, True),
        (3, str | bool, False),
        (["a"], str | timedelta | None, False),
        (3, View | None, False),
        ({"_target_": "x"}, View | None, True),
    ],
)
def test_values_of_a_configuration(value, hint, holds):
    assert fits(value, hint) is holds


def test_what_has_no_range_is_not_judged():
    assert interval_of(int) is None
    assert outside(-1, int) is None
    assert outside("text", Count) is None
    assert outside(True, Count) is None
    assert outside(None, Count | None) is None
    assert outside(0, int | Count) is None
