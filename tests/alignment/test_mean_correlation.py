"""MCC of codes and factors: closed forms, missing latents, factors with one value."""

import math

import pytest
import torch

from vaescope.alignment import mean_correlation

GENERATOR = torch.Generator().manual_seed(0)
FACTORS = torch.cartesian_prod(*(torch.arange(n) for n in (3, 4, 5))).double()


def test_order_sign_scale_and_spare_latents_are_free():
    noise = torch.randn(60, 2, generator=GENERATOR, dtype=torch.float64) * 0
    codes = torch.cat([noise, -3 * FACTORS[:, [2, 0, 1]] + 1], 1)
    assert mean_correlation(codes, FACTORS) == pytest.approx(1)


def test_a_rotation_by_an_angle_leaves_its_cosine():
    two = (FACTORS[:, :2] - FACTORS[:, :2].mean(0)) / FACTORS[:, :2].std(0)
    cos, sin = math.cos(0.3), math.sin(0.3)
    turned = two @ torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    assert mean_correlation(turned, two) == pytest.approx(cos)


@pytest.mark.parametrize("latents", [1, 2])
def test_factors_without_a_latent_count_as_zero(latents):
    assert mean_correlation(FACTORS[:, :latents], FACTORS) == pytest.approx(latents / 3)


def test_monotone_maps_are_free_for_ranks_alone():
    assert mean_correlation(FACTORS.exp(), FACTORS, rank=True) == pytest.approx(1)
    assert mean_correlation(FACTORS.exp(), FACTORS) < 0.95


def test_factors_with_one_value_are_left_out():
    still = torch.cat([FACTORS, torch.ones(60, 1).double()], 1)
    assert mean_correlation(FACTORS, still) == pytest.approx(1)
    assert mean_correlation(FACTORS[:, :2], still) == pytest.approx(2 / 3)
    assert mean_correlation(FACTORS, torch.ones(60, 2)) == 0


def test_whole_numbers_are_values_and_nan_is_refused():
    assert mean_correlation(FACTORS.float(), FACTORS.long()) == pytest.approx(1)
    codes = FACTORS.clone()
    codes[0, 0] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        mean_correlation(codes, FACTORS)
