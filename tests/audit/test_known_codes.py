"""Codes of which is known what is wrong with them: by hand, and in the units that they name."""

import math

import pytest
import torch

from vaescope.audit.codes import (
    CHANGES,
    MEDIUM,
    NEW_NAMES,
    REFERENCE,
    SHUFFLES,
    bend,
    copy_latents,
    factor_grid,
    known_codes,
    rotate,
    share_latents,
    split_factors,
)
from vaescope.errors import ConfigError

GRID = factor_grid([3, 4, 5], 130)
CODES = {code.name: code for code in known_codes(GRID)}


def values(codes):
    """The place of each value among those of its column [N, D]."""
    return torch.stack([column.unique(return_inverse=True)[1] for column in codes.T], 1)


def test_a_grid_has_every_combination_equally_often():
    rows, counts = GRID.factors.unique(dim=0, return_counts=True)
    assert len(rows) == 60
    assert counts.tolist() == [2] * 60
    drawn = factor_grid([3, 4, 5], 40)
    assert len(drawn.factors.unique(dim=0)) == 40
    assert torch.equal(values(GRID.perfect), GRID.factors)
    assert GRID.perfect.mean(0).abs().max() < 1e-12
    assert GRID.perfect.square().mean(0).tolist() == pytest.approx([1, 1, 1])
    with pytest.raises(ConfigError, match="at least two factors"):
        factor_grid([5], 100)


def test_rotation_turns_pairs_and_leaves_the_odd_latent():
    turned = rotate(GRID.perfect, 30)
    a, b, c = GRID.perfect.T
    expected = torch.stack([math.sqrt(3) / 2 * a - b / 2, a / 2 + math.sqrt(3) / 2 * b, c], 1)
    assert torch.allclose(turned, expected)


def test_copies_digits_and_shared_latents_hold_what_they_say():
    assert torch.equal(copy_latents(GRID.perfect, 2)[:, 3:], GRID.perfect[:, :2])
    bits = values(split_factors(GRID, 1))  # of the factor with 5 values
    assert torch.equal(bits[:, 2] + 2 * bits[:, 3] + 4 * bits[:, 4], GRID.factors[:, 2])
    shared = values(share_latents(GRID, 1))
    assert torch.equal(shared[:, 0], GRID.factors[:, 0] * 4 + GRID.factors[:, 1])
    assert torch.equal(shared[:, 1], GRID.factors[:, 2])


def test_bending_keeps_the_order_of_each_latents_values():
    assert torch.equal(values(bend(GRID.perfect, 5)), GRID.factors)
    assert torch.equal(values(CODES["a monotone map"].codes), values(CODES[MEDIUM].codes))


def test_every_change_is_there_by_growing_amounts():
    for change in CHANGES:
        amounts = [code.amount for code in CODES.values() if code.change == change.name]
        assert amounts == sorted(amounts) == list(change.amounts(GRID))
    assert {REFERENCE, MEDIUM, *NEW_NAMES} < CODES.keys()
    for code in CODES.values():
        assert code.codes.shape == code.variance.shape
        assert len(code.codes) == len(code.factors)
        assert (code.variance > 0).all()


def test_noise_has_the_standard_deviation_that_its_posterior_knows():
    code = CODES["noise 0.5"]
    assert (code.codes - GRID.perfect).std() == pytest.approx(0.5, rel=0.1)
    assert code.variance.unique().tolist() == pytest.approx([0.26])


def test_new_names_and_shuffles_change_no_value_and_break_what_they_say():
    medium = CODES[MEDIUM]
    assert torch.equal(CODES["another order"].codes.sort(1).values, medium.codes.sort(1).values)
    assert torch.equal(CODES["other signs"].codes.abs(), medium.codes.abs())
    ratio = CODES["other scales"].codes / medium.codes
    assert ratio.std(0).max() < 1e-9
    assert torch.allclose(CODES["other scales"].variance, medium.variance * ratio**2)
    for number in range(SHUFFLES):
        shuffled = CODES[f"shuffled {number + 1}"]
        assert torch.equal(shuffled.codes, medium.codes)
        assert not torch.equal(shuffled.factors, medium.factors)
        assert torch.equal(shuffled.factors.sort(0).values, medium.factors.sort(0).values)


def test_few_rows_are_rows_of_the_medium_code():
    few = CODES["few rows 4"]
    assert len(few.codes) == len(CODES[MEDIUM].codes) // 4
    both = torch.cat([CODES[MEDIUM].codes, CODES[MEDIUM].factors], 1)
    rows = torch.cat([few.codes, few.factors], 1)
    assert (rows[:, None] == both).all(2).any(1).all()
