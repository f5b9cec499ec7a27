"""SNC and NK: closed forms on balanced grids, matching, and what copies and splits do."""

import numpy as np
import pytest
import torch

from vaescope.errors import NoScoreError
from vaescope.metrics import neuron_knockout, single_neuron_classification

GRID = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(20, 1)


def snc(codes, factors=GRID):
    return single_neuron_classification(codes, factors, codes, factors)


def nk(codes, factors=GRID):
    return neuron_knockout(codes, factors, codes, factors)


def test_monotone_codes_in_any_order_are_perfect():
    codes = torch.stack([-(GRID[:, 1].double() ** 3), torch.zeros(len(GRID)), GRID[:, 0].exp()], 1)
    found = snc(codes.double())
    assert found.score == 1
    assert found.latents.tolist() == [2, 0]


def test_a_latent_of_two_values_names_two_of_four_classes():
    codes = torch.stack([GRID[:, 0] // 2, GRID[:, 1]], 1).double()
    assert snc(codes).per_factor.tolist() == pytest.approx([0.5, 1])


def test_classes_may_stand_in_any_order_along_a_latent():
    order = torch.tensor([2, 0, 3, 1])
    assert snc(torch.stack([order[GRID[:, 0]], GRID[:, 1]], 1).double()).score == 1


def test_a_factor_without_a_latent_is_answered_by_its_most_frequent_class():
    found = snc(GRID[:, :1].double())
    assert found.latents.tolist() == [0, -1]
    assert found.per_factor.tolist() == pytest.approx([1, 1 / 3])
    assert nk(GRID[:, :1].double()).per_factor.tolist() == pytest.approx([0.75, 0])


def test_continuous_codes_are_cut_into_bins_of_equally_many_rows():
    """Three of 13 rows of the first class lie in the second one's bin, by hand."""
    classes = torch.tensor([0] * 13 + [1] * 7)[:, None]
    found = snc(torch.arange(20).double()[:, None], classes)
    assert found.score == pytest.approx(17 / 20)


def test_knockout_costs_a_factor_all_that_no_other_latent_has():
    perfect = nk(GRID.double())
    assert perfect.per_factor.tolist() == pytest.approx([1 - 1 / 4, 1 - 1 / 3])
    assert nk(GRID.double().repeat(1, 2)).score == 0
    bits = torch.stack([GRID[:, 0] // 2, GRID[:, 0] % 2, GRID[:, 1]], 1).double()
    assert nk(bits).per_factor.tolist() == pytest.approx([1 / 2, 2 / 3])


def test_noise_is_at_chance():
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((len(GRID), 4)))
    half = len(GRID) // 2
    rows = noise[:half], GRID[:half], noise[half:], GRID[half:]
    assert single_neuron_classification(*rows).score == pytest.approx((1 / 4 + 1 / 3) / 2, abs=0.12)
    assert neuron_knockout(*rows).score == pytest.approx(0, abs=0.12)


def test_factors_that_cannot_be_classified_are_refused():
    codes, still = GRID.double(), torch.zeros_like(GRID)
    with pytest.raises(NoScoreError, match="no factor has two values"):
        single_neuron_classification(codes, still, codes, GRID)
    with pytest.raises(ValueError, match="bin continuous factors first"):
        neuron_knockout(codes, GRID + 0.5 * codes.sin(), codes, GRID)
    one = torch.cat([GRID, torch.full_like(GRID[:, :1], 7)], 1)
    assert snc(codes, one).score == 1
