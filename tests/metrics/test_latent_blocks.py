"""What static and dynamic codes tell, where it is known in closed form."""

import pytest
import torch

from vaescope.metrics import static_dynamic_table

FIRST = torch.tensor([True, False])


def draws(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def table_of(codes, factors, kinds=("continuous", "continuous"), latents=FIRST):
    return static_dynamic_table(
        codes, factors, static_latents=latents, static_factors=FIRST, kinds=kinds
    )


@pytest.mark.parametrize(("order", "sign"), [([0, 1], 1), ([1, 0], -1)])
def test_codes_apart_have_a_gap_of_one_and_swapped_ones_of_minus_one(order, sign):
    factors = draws(2000, 2)
    found = table_of(factors[:, order], factors)
    assert sign * found.gap > 0.97
    assert found.table.flatten()[[0, 3] if sign > 0 else [1, 2]].min() > 0.97
    assert found.table.flatten()[[1, 2] if sign > 0 else [0, 3]].max() < 0.03


def test_codes_that_both_mix_the_factors_tell_half_of_each():
    """E[a | a + b] = (a + b) / 2, so that R^2 is a half."""
    factors = draws(4000, 2)
    found = table_of(torch.stack([factors.sum(1), factors[:, 0] - factors[:, 1]], 1), factors)
    assert found.table.flatten().tolist() == [pytest.approx(0.5, abs=0.06)] * 4
    assert abs(found.gap) < 0.05


def test_noise_tells_a_known_share_of_values_and_classes():
    """A coin c seen through c + U: R^2 = 1/4 / (1/4 + 1/12); a coin flipped with 1/10: 1 - 2/10."""
    coins = (draws(20_000, 2) < 0.5).double()
    value = coins[:, 0] + draws(20_000, seed=1)
    flipped = torch.where(draws(20_000, seed=2) < 0.1, 1 - coins[:, 1], coins[:, 1])
    factors = torch.stack([value, flipped], 1)
    found = table_of(coins, factors, ("continuous", "categorical"))
    assert found.per_factor[0, 0] == pytest.approx(0.75, abs=0.02)
    assert found.per_factor[1, 1] == pytest.approx(0.8, abs=0.02)
    assert found.per_factor.fliplr().diagonal().max() < 0.02


def test_a_constant_guess_tells_nothing_of_classes_that_are_not_balanced():
    """Nine tenths right without a look at the code."""
    classes = (draws(5000, 2) < 0.1).double()
    found = table_of(draws(5000, 2, seed=1), classes, ("categorical", "categorical"))
    assert found.table.max() < 0.05


def test_empty_codes_and_constant_factors_count_zero():
    factors = draws(100, 2)
    factors[:, 1] = 3.0
    found = table_of(factors[:, :1], factors, latents=torch.tensor([True]))
    assert found.table[0, 0] > 0.8
    assert found.table.flatten()[1:].tolist() == [0, 0, 0]


def test_masks_that_do_not_fit_are_refused():
    factors = draws(10, 2)
    with pytest.raises(ValueError, match="static_latents"):
        table_of(draws(10, 3), factors)
