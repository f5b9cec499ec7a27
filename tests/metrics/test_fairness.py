"""Unfairness: closed forms, independence, a loop."""

import math

import pytest
import torch

from vaescope.metrics.prediction.fairness import unfairness, unfairness_of_codes


def integers(high, *shape, seed=0):
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("num", [2, 5, 40])
def test_predictions_that_are_the_factor_are_as_unfair_as_can_be(num):
    values = (torch.arange(20 * num) % num)[:, None]
    assert unfairness(values, values).item() == pytest.approx(1 - 1 / num)
    assert unfairness(3 * values, -values).item() == pytest.approx(1 - 1 / num)


def test_independent_predictions_are_fair():
    states = torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(5))
    found = unfairness(states[:, :2], states[:, 2:])
    torch.testing.assert_close(found, torch.zeros(2, 1).double())


def test_values_count_evenly_however_rare():
    factor = torch.tensor([0] * 90 + [1] * 10)[:, None]
    predictions = torch.tensor([0] * 90 + [0] * 5 + [1] * 5)[:, None]
    # Shares of class 1 are 0 and 1/2, their mean is 1/4.
    assert unfairness(predictions, factor).item() == pytest.approx(0.25)


def test_against_a_loop():
    predictions, factors = integers(4, 300, 3), integers(5, 300, 2, seed=1)
    predictions[:, 0] = (predictions[:, 0] + factors[:, 1]) // 2
    found = unfairness(predictions, factors)
    for target in range(3):
        for factor in range(2):
            given = torch.stack(
                [
                    torch.bincount(predictions[factors[:, factor] == v, target], minlength=5)
                    / (factors[:, factor] == v).sum()
                    for v in range(5)
                ]
            )
            expected = (given - given.mean(0)).abs().sum(1).mean() / 2
            assert found[target, factor] == pytest.approx(float(expected), abs=1e-6)


def test_chance_falls_with_the_root_of_the_rows():
    for rows in (500, 8_000):
        found = unfairness(integers(3, rows, 20), integers(5, rows, 20, seed=1)).mean()
        assert float(found) == pytest.approx(math.sqrt(4 * 2 / (2 * math.pi * rows)), rel=0.05)


def test_a_factor_with_one_value_cannot_be_unfair():
    assert unfairness(integers(3, 50, 2), torch.full((50, 1), 7)).tolist() == [[0], [0]]


@pytest.mark.parametrize(
    ("predictions", "sensitive", "message"),
    [
        (torch.zeros(4, 2), integers(2, 4, 1), "predictions are torch.float32"),
        (integers(2, 4, 1), integers(2, 4), "sensitive are"),
        (integers(2, 4, 1), integers(2, 5, 1), "4 rows"),
    ],
)
def test_what_is_no_table_of_classes_is_refused(predictions, sensitive, message):
    with pytest.raises(ValueError, match=message):
        unfairness(predictions, sensitive)


def split(codes, factors):
    cut = len(codes) * 2 // 3
    return codes[:cut], factors[:cut], codes[cut:], factors[cut:]


def test_codes_with_a_latent_per_factor_are_fair_and_shared_latents_are_not():
    states = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(300, 1)
    order = torch.randperm(1200, generator=torch.Generator().manual_seed(0))
    factors = states[order]
    fair = unfairness_of_codes(*split(factors.double(), factors))
    # one latent for both: where it is 1, either factor may be the one that is set
    shared = unfairness_of_codes(*split(factors.sum(1, keepdim=True).double(), factors))
    assert fair < 0.1
    assert shared > 0.2


def test_unfairness_of_codes_is_the_mean_over_pairs_of_its_predictions():
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(4)).repeat(40, 1)
    factors = factors[torch.randperm(480, generator=torch.Generator().manual_seed(1))]
    rows = split(factors.double() @ torch.tensor([[1.0, 0.4], [0.6, 1.0]]).double(), factors)
    found = unfairness_of_codes(*rows)
    # these codes tell all, so that predictions are the factors themselves
    each = unfairness(rows[3], rows[3])
    assert found == pytest.approx(float(each[0, 1] + each[1, 0]) / 2)


def test_without_two_factors_that_vary_nothing_is_unfair():
    factors = integers(3, 90, 2)
    factors[:, 1] = 1
    assert unfairness_of_codes(*split(factors.double(), factors)) == 0
    with pytest.raises(ValueError, match="bin continuous factors"):
        unfairness_of_codes(*split(factors.double(), factors + 0.5))
