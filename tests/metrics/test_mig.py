"""MIG against disentanglement_lib (commit 86a644d, numbers in tests/golden/mig.npz)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.metrics import (
    discretise,
    entropy,
    information_gaps,
    mig_ceiling,
    mig_chance,
    mutual_information,
    mutual_information_gap,
)
from vaescope.metrics.information.gap import gaps_of_information

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "mig.npz"))
FACTORS = torch.from_numpy(GOLDEN["factors"])
CASES = ["perfect", "rotated", "redundant"]


def golden_codes(case):
    return torch.from_numpy(GOLDEN[f"{case}_codes"].astype(np.float64))


def made_up(seed, rows=300):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randint(4, (rows, 3), generator=generator)
    mix = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    return factors.double() @ mix + 0.3 * noise, factors


@pytest.mark.parametrize("case", CASES)
def test_gaps_and_information_are_golden(case):
    found = information_gaps(golden_codes(case), FACTORS)
    np.testing.assert_allclose(found.gaps, GOLDEN[f"{case}_gaps"], atol=1e-9)
    np.testing.assert_allclose(found.information, GOLDEN[f"{case}_information"], atol=1e-9)
    np.testing.assert_allclose(found.entropies, GOLDEN["entropies"], atol=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("place", "bins"), list(enumerate([10, 20, 50])))
def test_scores_are_golden(case, place, bins):
    score = mutual_information_gap(golden_codes(case), FACTORS, bins=bins)
    assert score == pytest.approx(GOLDEN[f"{case}_scores"][place], abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_single_precision_gives_the_golden_score(case):
    score = mutual_information_gap(golden_codes(case).float(), FACTORS)
    assert score == pytest.approx(float(GOLDEN[f"{case}_float32_score"]), abs=1e-9)


def test_information_of_a_constant_code_is_golden():
    found = mutual_information(discretise(golden_codes("constant"), 20), FACTORS)
    np.testing.assert_allclose(found, GOLDEN["constant_information"], atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_order_of_samples_latents_and_factors_is_irrelevant(seed):
    codes, factors = made_up(seed)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(codes), generator=generator)
    moved = mutual_information_gap(codes[rows][:, [3, 1, 0, 2]], factors[rows][:, [2, 0, 1]])
    assert moved == pytest.approx(mutual_information_gap(codes, factors), abs=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), power=st.integers(-8, 8))
def test_scale_is_irrelevant(seed, power):
    codes, factors = made_up(seed)
    # A power of two rescales without rounding, so no value changes its bin.
    score = mutual_information_gap(codes * 2.0**power, factors)
    assert score == mutual_information_gap(codes, factors)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_sign_is_irrelevant_off_the_edges(seed):
    codes, factors = made_up(seed)
    assert mutual_information_gap(-codes, factors) == pytest.approx(
        mutual_information_gap(codes, factors), abs=1e-9
    )


def test_a_code_with_every_factor_twice_scores_zero():
    factors = made_up(0)[1]
    assert mutual_information_gap(factors.repeat(1, 2).double(), factors) == 0


def test_one_latent_has_no_second_best():
    factors = torch.arange(100)[:, None] % 4
    assert mutual_information_gap(factors.double(), factors) == pytest.approx(1)


def test_factors_with_one_value_are_left_out():
    codes, factors = made_up(1)
    with_constant = torch.cat([factors, torch.full((len(factors), 1), 7)], 1)
    found = information_gaps(codes, with_constant)
    assert found.score == pytest.approx(mutual_information_gap(codes, factors))
    assert found.gaps[3] == 0
    assert mutual_information_gap(codes, with_constant[:, 3:]) == 0


def test_collapsed_codes_score_zero():
    factors = made_up(2)[1]
    assert mutual_information_gap(torch.zeros(300, 4), factors) == pytest.approx(0, abs=1e-13)


def test_continuous_factors_are_binned():
    factors = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0))
    found = information_gaps(factors, factors)
    torch.testing.assert_close(found.entropies, entropy(discretise(factors, 20)))
    assert found.score == pytest.approx(1, abs=0.02)


def test_ceiling_is_the_score_of_the_perfect_code():
    assert mig_ceiling(FACTORS) == pytest.approx(float(GOLDEN["perfect_scores"][1]), abs=1e-9)
    assert mig_ceiling(FACTORS, convention="dcf") > 0.98
    few_values = torch.cartesian_prod(torch.arange(3), torch.arange(5))
    assert mig_ceiling(few_values) == pytest.approx(1)


def test_chance_falls_with_samples_and_repeats_itself():
    codes, factors = made_up(3, rows=4000)
    few = mig_chance(codes[:200], factors[:200], seed=1)
    many = mig_chance(codes, factors, seed=1)
    assert 0 < many < 0.01 < few
    assert mig_chance(codes, factors, seed=1) == many != mig_chance(codes, factors, seed=2)
    assert mutual_information_gap(codes, factors) > 5 * many


@pytest.mark.parametrize("convention", ["dlib", "dcf", "ksg", "chen"])
def test_every_convention_lies_between_chance_and_ceiling(convention):
    codes, factors = made_up(4, rows=1000)
    given = {"variances": torch.full_like(codes, 0.05)} if convention == "chen" else {}
    found = information_gaps(codes, factors, convention=convention, **given).score
    chance = mig_chance(codes, factors, repeats=3, convention=convention, **given)
    assert 0 <= chance < found < mig_ceiling(factors, convention=convention)


def test_conventions_differ_where_a_factor_has_more_values_than_bins():
    factors = torch.cartesian_prod(torch.arange(40), torch.arange(40))
    ceilings = [mig_ceiling(factors, convention=name) for name in ("dlib", "dcf", "ksg", "chen")]
    assert ceilings[0] == pytest.approx(np.log(20) / np.log(40))
    assert ceilings[1] == ceilings[3] == pytest.approx(1)
    # Ross: psi(1600) - psi(40) for the own latent; the other one's 40 values are the same in all.
    assert ceilings[2] == pytest.approx(1, abs=0.01)


def test_kinds_tell_classes_from_numbers():
    codes, factors = made_up(5)
    as_reals = information_gaps(codes, factors.double(), kinds=["ordinal"] * 3)
    torch.testing.assert_close(as_reals.information, information_gaps(codes, factors).information)
    assert information_gaps(codes, 7.3 * factors, bins=3).entropies.amax() < np.log(3)


def test_continuous_factors_have_gaps_of_correlations():
    found = gaps_of_information(torch.tensor([[0.5], [0.1]]), torch.tensor([torch.inf]))
    expected = np.sqrt(1 - np.exp(-1.0)) - np.sqrt(1 - np.exp(-0.2))
    assert found.score == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("convention", ["dlib", "ksg"])
def test_variances_are_for_chen_alone(convention):
    codes, factors = made_up(0)
    with pytest.raises(ValueError, match="only with it"):
        information_gaps(codes, factors, convention=convention, variances=codes.square())
    with pytest.raises(ValueError, match="give variances with 'chen'"):
        information_gaps(codes, factors, convention="chen")


def test_no_shuffle_is_refused():
    with pytest.raises(ValueError, match="repeats = 0"):
        mig_chance(*made_up(0), repeats=0)


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="'dlib', 'dcf', 'ksg' or 'chen'"):
        mutual_information_gap(*made_up(0), convention="beta")
