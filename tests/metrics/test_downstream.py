"""Downstream accuracies against scikit-learn, and codes whose behaviour is known."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from vaescope.metrics.prediction.downstream import (
    label_efficiency,
    reduced_accuracy,
    shifted_accuracy,
)


def one_hot_codes(rows=3000, seed=0):
    """Factors of 3 and 4 values, and a code of three and four latents that holds them."""
    generator = torch.Generator().manual_seed(seed)
    factors = (torch.rand(rows, 2, generator=generator) * torch.tensor([3, 4])).long()
    codes = [torch.nn.functional.one_hot(column) for column in factors.T]
    return torch.cat(codes, 1).double(), factors


def noise_like(codes, seed=0):
    return torch.randn(codes.shape, generator=torch.Generator().manual_seed(seed)).double()


def test_accuracy_is_that_of_scikit_learn():
    codes, factors = one_hot_codes(900)
    codes = codes + noise_like(codes)
    train, test = slice(0, 600), slice(600, 900)
    found = label_efficiency(
        codes[train], factors[train], sizes=[600], test=(codes[test], factors[test])
    )
    mean, std = codes[train].mean(0), codes[train].std(0, correction=0)
    x = (codes - mean) / std
    for place in range(2):
        model = LogisticRegression(tol=1e-9, max_iter=10_000).fit(x[train], factors[train, place])
        expected = model.score(x[test], factors[test, place])
        assert float(found.accuracies[0, place]) == pytest.approx(expected, abs=4e-3)


def test_more_labels_help_with_noise():
    codes, factors = one_hot_codes(6000)
    noisy = torch.cat([codes + 0.7 * noise_like(codes), noise_like(codes.repeat(1, 4), 1)], 1)
    found = label_efficiency(noisy, factors, sizes=[50, 400, 4000])
    assert bool((found.scores.diff() > 0.02).all())
    assert found.efficiency < 0.9
    clean = label_efficiency(codes, factors, sizes=[50, 4000])
    assert clean.efficiency == pytest.approx(1)
    assert clean.scores.tolist() == [1, 1]


def test_noise_reaches_the_chance_that_is_returned():
    codes, factors = one_hot_codes(6000)
    factors[:4000, 0] = 1
    found = label_efficiency(noise_like(codes), factors, sizes=[3000])
    torch.testing.assert_close(found.accuracies, found.chance, atol=0.05, rtol=0)
    assert float(found.chance[0, 0]) > 0.7


def test_shift_is_harmless_for_separate_latents_and_harms_mixed_ones():
    codes, factors = one_hot_codes()
    separate = shifted_accuracy(codes, factors)
    assert separate.score == pytest.approx(1)
    assert separate.gap == pytest.approx(0)
    # each value of the second factor gives the first one other places
    moved = (factors[:, :1] + factors[:, 1:]) % 3
    entangled = torch.nn.functional.one_hot(3 * factors[:, 1] + moved[:, 0]).double()
    found = shifted_accuracy(entangled, factors, repeats=2)
    assert float(found.unshifted[0, 1]) > 0.6
    assert float(found.accuracies[0, 1]) < 0.5
    assert found.gap > 0.2
    assert found.counted.tolist() == [[False, True], [True, False]]


def test_one_varying_factor_cannot_be_shifted():
    codes, factors = one_hot_codes(300)
    factors[:, 1] = 2
    found = shifted_accuracy(codes, factors)
    assert (found.score, found.gap, bool(found.counted.any())) == (0, 0, False)


def test_dropping_a_factor_s_latents_leaves_chance_for_it_alone():
    codes, factors = one_hot_codes()
    importance = torch.zeros(7, 2)
    importance[:3, 0] = importance[3:, 1] = 1
    found = reduced_accuracy(codes, factors, importance, drop=4)
    torch.testing.assert_close(found.full, torch.ones(2, dtype=torch.float64))
    assert found.own == pytest.approx((1 / 3 + 1 / 4) / 2, abs=0.05)
    # the first factor loses its three latents and one of the other factor's four
    assert found.others == pytest.approx(1)


def test_dropping_nothing_and_everything():
    codes, factors = one_hot_codes()
    importance = torch.ones(7, 2)
    nothing = reduced_accuracy(codes, factors, importance, drop=0)
    assert (nothing.own, nothing.others) == (1, 1)
    everything = reduced_accuracy(codes, factors, importance, drop=7)
    assert everything.own == pytest.approx((1 / 3 + 1 / 4) / 2, abs=0.05)


def test_latents_that_hold_a_factor_twice_leak_it():
    codes, factors = one_hot_codes()
    importance = torch.zeros(14, 2)
    importance[:3, 0] = importance[3:7, 1] = 1
    found = reduced_accuracy(codes.repeat(1, 2), factors, importance, drop=4)
    assert found.own == pytest.approx(1)


def test_constant_factors_are_left_out():
    codes, factors = one_hot_codes()
    more = torch.cat([factors, torch.ones_like(factors[:, :1])], 1)
    importance = torch.rand(7, 3, generator=torch.Generator().manual_seed(0))
    plain = reduced_accuracy(codes, factors, importance[:, :2])
    assert reduced_accuracy(codes, more, importance).own == plain.own
    assert reduced_accuracy(codes, more, importance).others == plain.others
    assert label_efficiency(codes, more[:, 2:], sizes=[100]).efficiency == 0
    assert label_efficiency(codes, more, sizes=[100]).efficiency == 1


def test_wrong_input_is_refused():
    codes, factors = one_hot_codes(300)
    with pytest.raises(ValueError, match="only 200 rows"):
        label_efficiency(codes, factors, sizes=[100, 1000])
    with pytest.raises(ValueError, match="ascending"):
        label_efficiency(codes, factors, sizes=[100, 10])
    with pytest.raises(ValueError, match="bin continuous"):
        label_efficiency(codes, factors + 0.5, sizes=[10])
    with pytest.raises(ValueError, match="repeats = 0"):
        shifted_accuracy(codes, factors, repeats=0)
    with pytest.raises(ValueError, match="importance has shape"):
        reduced_accuracy(codes, factors, torch.zeros(2, 2))
    with pytest.raises(ValueError, match="drop = 8"):
        reduced_accuracy(codes, factors, torch.zeros(7, 2), drop=8)


def test_an_efficiency_is_at_most_one():
    """Codes that know nothing: few labels may do better than many by chance alone."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for seed in range(8):
        codes = torch.randn(300, 4, generator=generator)
        factors = torch.randint(3, (300, 1), generator=generator)
        found.append(label_efficiency(codes, factors, sizes=[20, 200], seed=seed))
    assert any(float(each.scores[0]) > float(each.scores[1]) for each in found)
    for each in found:
        assert each.efficiency == min(1.0, float(each.scores[0] / each.scores[1]))
