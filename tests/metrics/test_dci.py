"""DCI on codes with known answers; the values of disentanglement_lib are in test_dci_golden.py."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.metrics.prediction.dci_intervals import (
    dci_chance,
    dci_errors,
    informativeness_interval,
)
from vaescope.metrics.prediction.dci_scores import dci, importance_scores
from vaescope.metrics.prediction.probes import PROBES

CHEAP = ["boosted", "linear", "lasso", "logistic"]


def halves(codes, factors):
    half = 2 * len(codes) // 3
    return codes[:half], factors[:half], codes[half:], factors[half:]


def made_up(seed=0, rows=900, sizes=(3, 4, 5)):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack([torch.randint(s, (rows,), generator=generator) for s in sizes], 1)
    noise = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    return factors.double(), factors, noise


def test_entropies_of_a_matrix_by_hand():
    found = importance_scores(torch.tensor([[3.0, 1.0], [0.0, 0.0], [0.0, 4.0]]))
    first = 1 + (0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    second = 1 + (0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / math.log(3)
    np.testing.assert_allclose(found.per_code, [first, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found.per_factor, [1, second], atol=1e-12)
    assert found.disentanglement == pytest.approx((4 * first + 4) / 8)
    assert found.completeness == pytest.approx((3 + 5 * second) / 8)


def test_no_importance_scores_zero_and_one_of_a_kind_is_defined():
    assert importance_scores(torch.zeros(3, 2)).disentanglement == 0
    assert importance_scores(torch.zeros(3, 2)).completeness == 0
    one_factor = importance_scores(torch.tensor([[1.0], [1.0], [0.0]]))
    np.testing.assert_allclose(one_factor.per_code, [1, 1, 0])
    assert one_factor.completeness == pytest.approx(1 - math.log(2) / math.log(3))
    one_latent = importance_scores(torch.tensor([[1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(one_latent.per_factor, [1, 1, 0])
    assert one_latent.disentanglement == pytest.approx(1 - math.log(2) / math.log(3))


@pytest.mark.parametrize("probe", PROBES)
def test_a_perfect_code_reaches_one_beside_dead_latents(probe):
    codes, factors, _ = made_up()
    dead = torch.full_like(codes[:, :2], 7.1)
    found = dci(*halves(torch.cat([dead[:, :1], -3 * codes, dead], 1), factors), probe=probe)
    tolerance = 0.1 if probe == "logistic" else 0.02  # coefficients by chance
    assert found.disentanglement == pytest.approx(1, abs=tolerance)
    assert found.completeness == pytest.approx(1, abs=tolerance)
    assert found.informativeness > 0.99
    np.testing.assert_array_equal(found.scores.code_weights[[0, 4, 5]], 0)


@pytest.mark.parametrize("probe", PROBES)
def test_dead_codes_score_zero_and_name_the_mode(probe):
    factors = made_up()[1]
    rows = halves(torch.ones(len(factors), 3), factors)
    found = dci(*rows, probe=probe)
    assert (found.disentanglement, found.completeness) == (0, 0)
    if not PROBES[probe].numeric:
        modes = rows[1].mode(0).values
        wanted = (rows[3] == modes).double().mean(0)
        np.testing.assert_allclose(found.informativeness_per_factor, wanted)


@pytest.mark.parametrize("probe", CHEAP)
def test_order_and_sign_of_latents_are_irrelevant(probe):
    codes, factors, noise = made_up(1)
    mixed = codes @ torch.tensor([[1.0, 0.2, 0, 0.1], [0.3, 1, 0.5, 0], [0, 0.2, 0.9, 0]]).double()
    mixed = mixed + 0.3 * noise
    one = dci(*halves(mixed, factors), probe=probe)
    other = dci(*halves(-4 * mixed[:, [2, 0, 3, 1]], factors[:, [2, 0, 1]]), probe=probe)
    moved = one.importances[[2, 0, 3, 1]][:, [2, 0, 1]]
    np.testing.assert_allclose(other.importances, moved, atol=0.02 if probe == "boosted" else 1e-6)
    assert other.disentanglement == pytest.approx(one.disentanglement, abs=0.01)


@pytest.mark.parametrize("probe", CHEAP)
def test_turning_lowers_the_scores_and_noise_the_information(probe):
    codes, factors, noise = made_up(2, sizes=(5, 5))
    unit = (codes - codes.mean(0)) / codes.std(0)
    found = []
    for angle in (0.0, 0.35, 0.7):
        turn = torch.tensor(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
        found.append(dci(*halves(unit @ turn.double(), factors), probe=probe))
    assert found[0].disentanglement > found[1].disentanglement > found[2].disentanglement
    assert found[0].completeness > found[1].completeness > found[2].completeness
    noisy = dci(*halves(unit + noise[:, :2], factors), probe=probe)
    assert noisy.informativeness < found[0].informativeness - 0.1


def test_copies_lower_completeness_alone():
    codes, factors, _ = made_up(3)
    for probe in CHEAP:
        found = dci(*halves(codes.repeat(1, 2), factors), probe=probe)
        assert found.disentanglement == pytest.approx(1, abs=0.1)
        assert found.completeness == pytest.approx(1 - math.log(2) / math.log(6), abs=0.07)


def test_factors_with_one_value_are_left_out():
    codes, factors, noise = made_up(4)
    codes = codes + 0.5 * noise[:, :3]
    constant = torch.full_like(factors[:, :1], 2)
    plain = dci(*halves(codes, factors))
    found = dci(*halves(codes, torch.cat([factors[:, :1], constant, factors[:, 1:]], 1)))
    for name in ("disentanglement", "completeness", "informativeness", "informativeness_train"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name), abs=1e-12)
    assert not found.importances[:, 1].any()
    assert not found.informativeness_per_factor[1]
    assert informativeness_interval(found) == informativeness_interval(plain)
    with pytest.raises(ValueError, match="no factor has two values"):
        dci(*halves(codes, constant))


@pytest.mark.parametrize("probe", PROBES)
def test_classes_missing_from_a_half_are_missed_or_ignored(probe):
    codes, factors, _ = made_up(5)
    own, own_factors, other, other_factors = halves(codes, factors)
    known = own_factors[:, 0] < 2
    new = dci(
        own[known], own_factors[known], other, other_factors, probe=probe, kinds=["categorical"] * 3
    )
    assert new.informativeness_per_factor[0] == pytest.approx(
        float((other_factors[:, 0] < 2).double().mean()), abs=0.02
    )
    rest = other_factors[:, 0] > 0
    fewer = dci(own, own_factors, other[rest], other_factors[rest], probe=probe)
    assert fewer.informativeness > 0.98


@pytest.mark.parametrize("probe", PROBES)
def test_continuous_and_circular_factors_are_regressed(probe):
    generator = torch.Generator().manual_seed(6)
    values = torch.rand(1500, 3, generator=generator, dtype=torch.float64)
    angle = 2 * math.pi * values[:, 1:2]
    codes = torch.cat([values[:, :1], angle.cos(), angle.sin(), 9 * values[:, 2:]], 1)
    factors = torch.cat([values[:, :1], angle, (values[:, 2:] * 4).floor()], 1)
    kinds = ["continuous", "circular", "ordinal"]
    found = dci(*halves(codes, factors), kinds=kinds, probe=probe)
    assert (found.informativeness_per_factor > 0.9).all()
    np.testing.assert_allclose(found.importances[1:3, 1], [0.5, 0.5], atol=0.05)
    assert found.disentanglement > 0.97


def test_informativeness_of_values_is_r2():
    generator = torch.Generator().manual_seed(7)
    codes = torch.randn(2000, 2, generator=generator, dtype=torch.float64)
    factors = codes + torch.randn(2000, 2, generator=generator, dtype=torch.float64)
    found = dci(*halves(codes, factors), probe="linear")
    assert found.informativeness == pytest.approx(0.5, abs=0.04)
    useless = dci(
        *halves(codes, factors[torch.randperm(2000, generator=generator)]), probe="linear"
    )
    assert 0 <= useless.informativeness < 0.01


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_scores_of_random_matrices_are_within_bounds(seed, rows, columns):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(rows, columns, generator=generator).double()
    matrix *= torch.rand(rows, columns, generator=generator) > 0.4
    found = importance_scores(matrix)
    assert -1e-12 <= found.disentanglement <= 1 + 1e-12
    assert -1e-12 <= found.completeness <= 1 + 1e-12
    turned = importance_scores(matrix.T * 3)
    assert turned.disentanglement == pytest.approx(found.completeness, abs=1e-12)


def test_chance_is_low_and_falls_with_rows():
    few, many = made_up(8, rows=150), made_up(8, rows=3000)
    chances = [dci_chance(*halves(r[2], r[1]), seed=1) for r in (few, many)]
    assert chances[0].disentanglement > chances[1].disentanglement > 0
    assert chances[1].completeness < 0.05
    assert chances[1].informativeness == pytest.approx((1 / 3 + 1 / 4 + 1 / 5) / 3, abs=0.05)
    codes, factors, _ = many
    assert dci(*halves(codes, factors)).completeness > 10 * chances[1].completeness


def test_interval_has_the_width_of_a_binomial():
    codes, factors, noise = made_up(9, rows=3000, sizes=(2,))
    found = dci(*halves(codes + 0.5 * noise[:, :1], factors))
    low, high = informativeness_interval(found)
    share = found.informativeness
    assert (low + high) / 2 == pytest.approx(share, abs=0.005)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(share * (1 - share) / 1000), rel=0.1)


def test_errors_match_the_spread_over_fresh_rows():
    def rows(seed):
        codes, factors, noise = made_up(seed, rows=600, sizes=(3, 4))
        mix = torch.tensor([[1.0, 0.4, 0.0], [0.0, 1.0, 0.6]], dtype=torch.float64)
        return halves(codes @ mix + 0.5 * noise[:, :3], factors)

    fresh = torch.tensor([dci(*rows(s), probe="linear").disentanglement for s in range(200)])
    told = [dci_errors(*rows(s), probe="linear", repeats=20).disentanglement for s in range(10)]
    assert sum(told) / 10 == pytest.approx(float(fresh.std()), rel=0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probe": "svm"}, "one of boosted, gbt"),
        ({"convention": "beta"}, "'exact' or 'dlib'"),
        ({"kinds": ["ordinal"]}, "one for each of 3"),
        ({"kinds": ["ordinal", "odd", "ordinal"]}, "one of ordinal"),
    ],
)
def test_unknown_options_are_refused(change, message):
    codes, factors, _ = made_up()
    with pytest.raises(ValueError, match=message):
        dci(*halves(codes, factors), **change)


def test_unfit_inputs_are_refused():
    codes, factors, _ = made_up()
    rows = list(halves(codes, factors))
    with pytest.raises(ValueError, match="NaN"):
        dci(rows[0] * float("nan"), *rows[1:])
    with pytest.raises(ValueError, match="other numbers of latents"):
        dci(*rows[:2], rows[2][:, :1], rows[3])
    with pytest.raises(ValueError, match="at least 1 are needed"):
        dci(*rows[:2], rows[2][:0], rows[3][:0])
    with pytest.raises(ValueError, match="too slow"):
        dci_errors(*rows, probe="gbt")
    with pytest.raises(ValueError, match="at least one shuffle"):
        dci_chance(*rows, repeats=0)
    with pytest.raises(ValueError, match="finite and at least 0"):
        importance_scores(-torch.ones(2, 2))
