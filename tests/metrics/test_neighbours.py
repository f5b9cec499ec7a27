"""The nearest-neighbour score against scikit-learn's regressor and classifier."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from vaescope.metrics import neighbour_chance, neighbour_score
from vaescope.streams import stream

KINDS = (True, False, False, True)


def made_up(seed, rows=400, latents=3):
    """Codes without ties; factors: continuous, 3 classes, 7 negative classes, continuous."""
    generator = torch.Generator().manual_seed(seed)
    factors = torch.stack(
        [
            torch.rand(rows, generator=generator, dtype=torch.float64),
            torch.randint(3, (rows,), generator=generator).double(),
            torch.randint(7, (rows,), generator=generator).double() - 4,
            torch.randn(rows, generator=generator, dtype=torch.float64),
        ],
        1,
    )
    mix = torch.randn(4, latents, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, latents, generator=generator, dtype=torch.float64)
    return factors @ mix + 0.3 * noise, factors


def uniform(seed, rows, columns):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, columns, generator=generator, dtype=torch.float64)


def split(rows, seed):
    order = stream(seed, "neighbour_score").permutation(rows)
    held_out = math.ceil(rows / 5)
    return order[held_out:], order[:held_out]


def best_constant_share(values):
    return np.unique(values, return_counts=True)[1].max() / len(values)


def by_sklearn(codes, factors, continuous, k, seed):
    """Accuracies [K, D] and normalisers [K] by the published formulas."""
    codes, factors = codes.numpy(), factors.numpy()
    fitted, scored = split(len(codes), seed)
    accuracies = np.zeros((factors.shape[1], codes.shape[1]))
    normalisers = np.zeros(factors.shape[1])
    for i, regressed in enumerate(continuous):
        truth = factors[scored, i]
        normalisers[i] = truth.std() if regressed else best_constant_share(truth)
        for j in range(codes.shape[1]):
            model = (KNeighborsRegressor if regressed else KNeighborsClassifier)(k)
            found = model.fit(codes[fitted, j : j + 1], factors[fitted, i])
            guess = found.predict(codes[scored, j : j + 1])
            if regressed:
                error = np.sqrt(np.mean((guess - truth) ** 2))
                accuracies[i, j] = max(0, truth.std() - error)
            else:
                accuracies[i, j] = (guess == truth).mean()
    return accuracies, normalisers


@pytest.mark.parametrize("k", [1, 2, 5, 17])
@pytest.mark.parametrize("seed", range(3))
def test_accuracies_are_those_of_sklearn(seed, k):
    codes, factors = made_up(seed)
    found = neighbour_score(codes, factors, continuous=KINDS, neighbours=k, seed=seed)
    accuracies, normalisers = by_sklearn(codes, factors, KINDS, k, seed)
    np.testing.assert_allclose(found.accuracies, accuracies, atol=1e-12)
    np.testing.assert_allclose(found.normalisers, normalisers, atol=1e-12)
    ordered = np.sort(accuracies, axis=1)
    gaps = np.clip((ordered[:, -1] - ordered[:, -2]) / normalisers, 0, 1)
    np.testing.assert_allclose(found.gaps, gaps, atol=1e-12)
    assert found.score == pytest.approx(gaps.mean())


def test_all_remembered_samples_may_be_neighbours():
    codes, factors = made_up(0, rows=50)
    found = neighbour_score(codes, factors, continuous=KINDS, neighbours=40)
    accuracies, _ = by_sklearn(codes, factors, KINDS, 40, 0)
    np.testing.assert_allclose(found.accuracies, accuracies, atol=1e-12)


def test_excess_is_accuracy_above_the_best_constant_answer():
    codes, factors = made_up(5)
    plain = neighbour_score(codes, factors, continuous=KINDS)
    found = neighbour_score(codes, factors, continuous=KINDS, discrete="excess")
    constants = plain.normalisers[1:3]
    expected = (plain.accuracies[1:3] - constants[:, None]).clamp(min=0)
    torch.testing.assert_close(found.accuracies[1:3], expected)
    torch.testing.assert_close(found.normalisers[1:3], 1 - constants)
    torch.testing.assert_close(found.gaps[::3], plain.gaps[::3])
    ordered = expected.sort(dim=1).values
    torch.testing.assert_close(found.gaps[1:3], (ordered[:, 2] - ordered[:, 1]) / (1 - constants))


def test_one_latent_per_continuous_factor_scores_one_and_a_rotation_scores_zero():
    factors = uniform(0, 4000, 2)
    axes = torch.cat([factors.exp(), uniform(1, 4000, 1)], 1)
    assert neighbour_score(axes, factors, continuous=[True, True]).score > 0.98
    turn = torch.tensor([[1.0, 1.0], [-1.0, 1.0]]).double()
    assert neighbour_score(factors @ turn, factors, continuous=[True, True]).score < 0.03


@pytest.mark.parametrize("discrete", ["transcribed", "excess"])
def test_one_latent_per_class_factor_scores_one_and_a_rotation_scores_zero(discrete):
    factors = torch.randint(4, (4000, 2), generator=torch.Generator().manual_seed(0))
    codes = factors + 0.2 * uniform(1, 4000, 2)
    both = {"continuous": [False, False], "discrete": discrete}
    assert neighbour_score(codes, factors, **both).score > 0.9
    turn = torch.tensor([[1.0, 1.0], [-1.0, 1.0]]).double()
    assert neighbour_score(codes @ turn, factors, **both).score < 0.2


def test_the_transcribed_normaliser_saturates_early_and_excess_does_not():
    factors = torch.randint(5, (4000, 1), generator=torch.Generator().manual_seed(0))
    wrong = uniform(1, 4000, 1) < 0.5
    codes = torch.where(wrong, 5 * uniform(2, 4000, 1), factors + 0.01 * uniform(3, 4000, 1))
    codes = torch.cat([codes, uniform(4, 4000, 1)], 1)
    assert neighbour_score(codes, factors, continuous=[False]).score == 1
    excess = neighbour_score(codes, factors, continuous=[False], discrete="excess").score
    assert 0.3 < excess < 0.7


def test_random_codes_score_as_chance():
    _, factors = made_up(0, rows=5000)
    codes = uniform(9, 5000, 4)
    excess = {"continuous": KINDS, "discrete": "excess"}
    score = neighbour_score(codes, factors, **excess).score
    assert score < 0.03
    assert score == pytest.approx(neighbour_chance(codes, factors, **excess), abs=0.02)


def test_chance_is_far_below_a_good_score_and_repeats_itself():
    codes, factors = made_up(3, rows=2000)
    chance = neighbour_chance(factors + 0.01 * codes[:, :1], factors, continuous=KINDS, seed=1)
    again = neighbour_chance(factors + 0.01 * codes[:, :1], factors, continuous=KINDS, seed=1)
    assert chance == again < 0.15
    assert neighbour_score(factors + 0.01 * codes[:, :1], factors, continuous=KINDS).score > 0.8


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_order_sign_scale_of_latents_and_order_of_factors_are_irrelevant(seed):
    codes, factors = made_up(seed, rows=150, latents=4)
    expected = neighbour_score(codes, factors, continuous=KINDS)
    changed = codes[:, [2, 0, 3, 1]] * torch.tensor([-4.0, 1.0, 0.5, -1.0])
    kinds = [KINDS[i] for i in (3, 1, 0, 2)]
    found = neighbour_score(changed, factors[:, [3, 1, 0, 2]], continuous=kinds)
    assert found.score == pytest.approx(expected.score, abs=1e-12)
    torch.testing.assert_close(found.accuracies, expected.accuracies[[3, 1, 0, 2]][:, [2, 0, 3, 1]])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), discrete=st.sampled_from(["transcribed", "excess"]))
def test_range(seed, discrete):
    codes, factors = made_up(seed, rows=30, latents=2)
    found = neighbour_score(codes, factors, continuous=KINDS, discrete=discrete, seed=seed)
    assert 0 <= found.score <= 1
    assert bool(((found.gaps >= 0) & (found.gaps <= 1)).all())
    assert bool((found.accuracies >= 0).all())
    assert bool((found.accuracies[::3] <= found.normalisers[::3, None]).all())


def brute_force_with_ties(codes, factors, k, seed):
    """The stated rule: distance, then lower code; equal codes by place in the split."""
    fitted, scored = split(len(codes), seed)
    error = 0.0
    for row in scored:
        query = codes[row]
        distance = np.abs(codes[fitted] - query)
        place = np.arange(len(fitted))
        place = np.where(codes[fitted] < query, -place, place)  # from below, the last come first
        nearest = np.lexsort((place, codes[fitted], distance))[:k]
        error += (factors[fitted][nearest].mean() - factors[row]) ** 2
    return max(0, factors[scored].std() - math.sqrt(error / len(scored)))


@pytest.mark.parametrize("values", [2, 6, 40])
def test_ties_follow_the_stated_rule(values):
    codes = torch.randint(values, (200, 1), generator=torch.Generator().manual_seed(0)).float()
    factors = codes + uniform(1, 200, 1)
    found = neighbour_score(codes, factors, continuous=[True], seed=3)
    expected = brute_force_with_ties(codes[:, 0].numpy(), factors[:, 0].numpy(), 5, 3)
    assert found.accuracies.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float32])
def test_factors_may_be_of_any_number_type(dtype):
    codes, factors = made_up(0)
    labels = (factors[:, 1:3] + 4).to(dtype)
    expected = neighbour_score(codes, factors[:, 1:3], continuous=[False, True])
    found = neighbour_score(codes.float(), labels, continuous=[False, True])
    assert found.score == pytest.approx(expected.score, abs=1e-6)


def test_one_latent_is_compared_with_the_best_constant_answer():
    codes, factors = made_up(4, latents=1)
    found = neighbour_score(codes, factors, continuous=KINDS)
    second = torch.tensor([0, found.normalisers[1], found.normalisers[2], 0])
    expected = (found.accuracies[:, 0] - second) / found.normalisers
    torch.testing.assert_close(found.gaps, expected.clamp(0, 1))
    excess = neighbour_score(codes, factors, continuous=KINDS, discrete="excess")
    torch.testing.assert_close(excess.gaps, excess.accuracies[:, 0] / excess.normalisers)


def test_constant_latents_are_worth_a_constant_answer():
    factors = made_up(2)[1]
    found = neighbour_score(torch.ones(400, 2), factors, continuous=KINDS)
    assert found.accuracies[::3].max() < 1e-12
    assert bool((found.accuracies[1:3] <= found.normalisers[1:3, None]).all())
    assert found.score == 0


@pytest.mark.parametrize("discrete", ["transcribed", "excess"])
def test_factors_with_one_value_are_left_out(discrete):
    codes, factors = made_up(1)
    constant = torch.full((400, 2), 0.1, dtype=torch.float64)
    kinds = (*KINDS, True, False)
    both = torch.cat([factors, constant], 1)
    found = neighbour_score(codes, both, continuous=kinds, discrete=discrete)
    expected = neighbour_score(codes, factors, continuous=KINDS, discrete=discrete)
    assert found.score == pytest.approx(expected.score)
    assert found.gaps[4:].tolist() == [0, 0]
    alone = neighbour_score(codes, constant, continuous=[True, False], discrete=discrete)
    assert alone.score == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": torch.zeros(400)}, r"\[N, D\] and \[N, K\]"),
        ({"codes": torch.zeros(400, 0)}, r"\[N, D\] and \[N, K\]"),
        ({"codes": torch.zeros(7, 2)}, "7 rows of codes, but 400 rows of factors"),
        ({"codes": torch.full((400, 2), torch.nan)}, "NaN or infinite"),
        ({"factors": torch.full((400, 4), torch.inf)}, "NaN or infinite"),
        ({"continuous": [True]}, "1 flags in continuous, but 4 factors"),
        ({"neighbours": 0}, "neighbours = 0, but 1 to 320"),
        ({"neighbours": 321}, "neighbours = 321, but 1 to 320"),
        ({"discrete": "gini"}, "'transcribed' or 'excess'"),
    ],
)
def test_what_cannot_be_scored_is_refused(changes, message):
    codes, factors = made_up(0)
    given_values = {"codes": codes, "factors": factors, "continuous": KINDS} | changes
    with pytest.raises(ValueError, match=message):
        neighbour_score(**given_values)


def test_no_shuffle_is_refused():
    with pytest.raises(ValueError, match="repeats = 0"):
        neighbour_chance(*made_up(0), continuous=KINDS, repeats=0)
