"""R^2 against scikit-learn and known shares of variance."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from vaescope.metrics.prediction.regression import explained_variance, fit_least_squares, r_squared


def made_up(seed=0, rows=600):
    generator = torch.Generator().manual_seed(seed)
    factors = torch.rand(rows, 3, generator=generator, dtype=torch.float64)
    mix = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, 4, generator=generator, dtype=torch.float64)
    return factors @ mix + 0.3 * noise + 100, factors


def test_predictions_are_those_of_scikit_learn():
    codes, targets = made_up()
    found = fit_least_squares(codes[:400], targets[:400]).predict(codes[400:])
    model = LinearRegression().fit(codes[:400].numpy(), targets[:400].numpy())
    np.testing.assert_allclose(found, model.predict(codes[400:].numpy()), atol=1e-8)
    expected = r2_score(targets[400:, 0], found[:, 0])
    assert r_squared(found[:, :1], targets[400:, :1]) == pytest.approx(expected)


def test_score_is_the_mean_over_factors_on_held_out_rows():
    codes, factors = made_up(1)
    found = explained_variance(codes[:400], factors[:400], test=(codes[400:], factors[400:]))
    model = LinearRegression().fit(codes[:400].numpy(), factors[:400].numpy())
    expected = r2_score(factors[400:], model.predict(codes[400:].numpy()), multioutput="raw_values")
    np.testing.assert_allclose(found.factors, expected, atol=1e-9)
    assert found.score == pytest.approx(expected.mean())


def test_mixing_is_irrelevant_and_copies_are_harmless():
    codes, factors = made_up(2)
    plain = explained_variance(codes, factors)
    mixed = codes @ torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).double()
    more = torch.cat([mixed, mixed[:, :2], torch.ones_like(mixed[:, :1])], 1)
    torch.testing.assert_close(
        explained_variance(more, factors).factors, plain.factors, atol=1e-7, rtol=0
    )


def test_angles_need_both_coordinates_of_a_circle():
    generator = torch.Generator().manual_seed(3)
    angle = 2 * math.pi * torch.rand(20_000, 1, generator=generator, dtype=torch.float64)
    circle = torch.cat([angle.cos(), angle.sin()], 1)
    assert explained_variance(circle, angle, kinds=["circular"]).score == pytest.approx(1)
    half = explained_variance(circle[:, :1], angle, kinds=["circular"]).score
    assert half == pytest.approx(0.5, abs=0.01)
    # a line through 0 to 2 pi cannot be read off a circle linearly: 6 / pi^2 of its variance can
    assert explained_variance(circle, angle).score == pytest.approx(6 / math.pi**2, abs=0.01)


@pytest.mark.parametrize(("periods", "perfect"), [(None, True), ([36.0], True), ([50.0], False)])
def test_circular_integers_have_a_period(periods, perfect):
    steps = torch.arange(36).repeat(20)[:, None]
    angle = steps * (2 * math.pi / 36)
    codes = torch.cat([angle.cos(), angle.sin()], 1)
    found = explained_variance(codes, steps, kinds=["circular"], periods=periods).score
    assert (found > 1 - 1e-9) is perfect


def test_categories_are_indicators():
    classes = torch.arange(5).repeat(100)[:, None]
    one_hot = torch.nn.functional.one_hot(classes[:, 0])[:, [3, 0, 4, 1, 2]]
    assert explained_variance(one_hot, classes, kinds=["categorical"]).score == pytest.approx(1)


def test_a_net_sees_what_a_line_cannot():
    generator = torch.Generator().manual_seed(4)
    codes = torch.rand(1000, 2, generator=generator, dtype=torch.float64) * 2 - 1
    factors = torch.stack([codes[:, 0] ** 2, codes[:, 0] * codes[:, 1]], 1)
    line = explained_variance(codes, factors)
    net = explained_variance(codes, factors, probe="mlp", hidden=16, seed=1)
    assert line.score < 0.1
    assert net.score > 0.99
    again = explained_variance(codes, factors, probe="mlp", hidden=16, seed=1)
    assert again.score == net.score


@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_noise_is_not_predicted(probe):
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(2000, 5, generator=generator)
    factors = torch.randn(2000, 2, generator=generator)
    found = explained_variance(noise, factors, probe=probe, hidden=4, steps=50).score
    assert -0.3 < found < 0.02


def test_nothing_to_predict_with_or_to_predict():
    codes, factors = made_up(6)
    dead = explained_variance(torch.ones_like(codes), factors)
    assert -0.05 < dead.score <= 0
    constant = torch.full_like(factors[:, :1], 0.1)
    assert explained_variance(codes, constant).score == 0
    more = explained_variance(codes, torch.cat([factors, constant], 1))
    assert more.score == pytest.approx(explained_variance(codes, factors).score)
    assert float(more.factors[3]) == 0


def test_wrong_input_is_refused():
    codes, factors = made_up(7)
    with pytest.raises(ValueError, match="'linear' or 'mlp'"):
        explained_variance(codes, factors, probe="forest")
    with pytest.raises(ValueError, match="periods"):
        explained_variance(codes, factors, periods=[1.0])
    with pytest.raises(ValueError, match="kinds"):
        explained_variance(codes, factors, kinds=["round"] * 3)
    with pytest.raises(ValueError, match="hidden = 0"):
        explained_variance(codes, factors, hidden=0)
