"""Static and dynamic codes of linear models: the factors, or these rotated."""

import math
from dataclasses import replace

import pytest

from vaescope.data import LaplaceTransitions, Sequences
from vaescope.statistics import StaticDynamic

CELLS = ("static_from_static", "static_from_dynamic", "dynamic_from_static", "dynamic_from_dynamic")


def measured(encoded, static_dim, view=None):
    encoded.model.static_dim = static_dim
    return StaticDynamic()(replace(encoded, view=view or Sequences(static=["a"])))


def test_codes_that_are_the_factors_are_apart(held_out):
    found = measured(held_out(), 1)
    numbers = [found[f"val/{name}"] for name in CELLS]
    assert numbers == pytest.approx([1, 0, 0, 1], abs=0.05)
    assert found["val/static_dynamic_gap"] > 0.95
    assert all(abs(found[f"val/{name}_chance"]) < 0.2 for name in (*CELLS, "static_dynamic_gap"))


def test_codes_that_are_turned_by_45_degrees_tell_half_of_each(held_out):
    found = measured(held_out(math.pi / 4, split="test"), 1)
    numbers = [found[f"test/{name}"] for name in CELLS]
    assert 0.2 < min(numbers) <= max(numbers) < 0.6  # a half, less what 200 rows do not teach
    assert abs(found["test/static_dynamic_gap"]) < 0.15


def test_a_code_without_latents_tells_nothing(held_out):
    found = measured(held_out(), 2)
    assert found["val/static_from_dynamic"] == found["val/dynamic_from_dynamic"] == 0
    assert found["val/dynamic_from_static"] > 0.9


def test_there_is_no_table_without_a_static_code_or_a_view_that_says_what_moves(held_out):
    assert StaticDynamic()(held_out()) == {}
    assert StaticDynamic()(replace(held_out(), view=Sequences(static=["a"]))) == {}
    assert measured(held_out(), 1, LaplaceTransitions()) == {}
    assert measured(held_out(), 1, Sequences()) == {}  # every factor moves
