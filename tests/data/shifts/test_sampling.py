"""Correlated factors: frequencies and mutual information against their definitions."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from sklearn.metrics import mutual_info_score

from vaescope.data.factor_distribution import factor_statistics
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import SyntheticLinearDataModule
from vaescope.data.sets.tiny import TinySquaresDataModule
from vaescope.data.shifts.correlated import Confounder, CorrelatedFactors
from vaescope.errors import ConfigError

FACTORS = Factors(
    ("size", "angle", "constant", "shape"),
    (4, 5, 1, 3),
    ("ordinal", "circular", "ordinal", "categorical"),
)
GRID = FACTORS.values(torch.arange(60))


def frequency(value, pairs, sigma, inverted):
    """exp(-sum of squares) of one combination, in plain arithmetic."""
    c = [v / (size - 1) if size > 1 else 0.0 for v, size in zip(value, FACTORS.sizes, strict=True)]
    exponent = 0.0
    for a, b in pairs:
        exponent += (c[a] - (1 - c[b] if inverted else c[b])) ** 2 / (2 * sigma**2)
    return math.exp(-exponent)


def by_hand(pairs, sigma, inverted):
    weights = np.array([frequency(value, pairs, sigma, inverted) for value in GRID.tolist()])
    return weights / weights.sum()


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("sigma", [0.1, 0.2, 0.7])
@pytest.mark.parametrize(
    ("pairs", "positions"),
    [
        ([[-1, 0]], [(3, 0)]),
        ([["angle", "shape"]], [(1, 3)]),
        ([["size", "angle"], ["shape", 0]], [(0, 1), (3, 0)]),
    ],
)
def test_weights_are_the_formula(pairs, positions, sigma, inverted):
    sampling = CorrelatedFactors(pairs, sigma, inverted)
    sampling.check(FACTORS)
    weights = sampling.weights(GRID, FACTORS)
    assert weights.dtype == torch.float64
    assert (weights / weights.sum()).numpy() == pytest.approx(by_hand(positions, sigma, inverted))


@pytest.mark.parametrize("inverted", [False, True])
def test_a_confounder_is_its_pairs_with_all_other_factors(inverted):
    sampling = Confounder("angle", 0.3, inverted)
    sampling.check(FACTORS)
    weights = sampling.weights(GRID, FACTORS)
    expected = by_hand([(1, 0), (1, 3)], 0.3, inverted)
    assert (weights / weights.sum()).numpy() == pytest.approx(expected)


def test_a_tiny_sigma_leaves_the_nearest_combinations():
    weights = CorrelatedFactors([["size", "shape"]], 1e-6).weights(GRID, FACTORS)
    equal = GRID[:, 0] / 3 == GRID[:, 3] / 2  # both 0 or both 1
    assert torch.equal(weights, equal.double())
    inside = GRID[(GRID[:, 0] > 0) & (GRID[:, 0] < 3)]  # nothing is equal there
    assert CorrelatedFactors([["size", "shape"]], 1e-6).weights(inside, FACTORS).max() == 1


def test_an_infinite_sigma_is_no_correlation():
    assert (CorrelatedFactors([[0, 1]], math.inf).weights(GRID, FACTORS) == 1).all()


def test_training_shows_rows_as_often_as_the_formula_says():
    sampling = CorrelatedFactors([["position_x", "size"]], 0.2)
    data = TinySquaresDataModule(batch_size=150, sampling=sampling)
    data.setup()
    batches, rows = data.epoch_batches(), data.rows["train"]
    drawn = torch.cat([batches.plan(step).rows for step in range(400)])
    found = drawn.bincount(minlength=192)
    assert found[torch.cat([data.rows["val"], data.rows["test"]])].sum() == 0
    values = data.dataset.values(rows).double()
    weights = torch.exp(-((values[:, 0] / 7 - values[:, 2] / 2) ** 2) / (2 * 0.2**2))
    share = weights / weights.sum()
    assert data.training_weights().numpy() == pytest.approx(share.numpy())
    expected = share * len(drawn)
    frequent = expected > 5
    cells = [
        torch.cat([column[frequent], column[~frequent].sum()[None]]).numpy()
        for column in (found[rows].double(), expected)
    ]
    assert chisquare(*cells).pvalue > 1e-4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CorrelatedFactors([]), "two factors each"),
        (lambda: CorrelatedFactors(["ab"]), "two factors each"),
        (lambda: CorrelatedFactors([[0, 1, 2]]), "two factors each"),
        (lambda: CorrelatedFactors([[0, 1]], 0.0), "sigma=0.0"),
        (lambda: Confounder(0, -1.0), "sigma=-1.0"),
        (lambda: CorrelatedFactors([[0, 0]]).check(FACTORS), "one factor twice"),
        (lambda: CorrelatedFactors([[0, -4]]).check(FACTORS), "one factor twice"),
        (lambda: CorrelatedFactors([[0, 4]]).check(FACTORS), "factor 4 was given"),
        (lambda: CorrelatedFactors([["size", "hue"]]).check(FACTORS), "'hue'.*'size', 'angle'"),
        (lambda: CorrelatedFactors([[0, "constant"]]).check(FACTORS), "'constant' has one value"),
        (lambda: Confounder("constant").check(FACTORS), "'constant' has one value"),
        (lambda: Confounder(0).check(Factors(("a",), (3,), ("ordinal",))), "no other factor"),
        (lambda: Confounder(0).check(Factors((), (), ())), "no factors"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# entropies and mutual information


def test_statistics_of_all_combinations_alike_are_those_of_independent_factors():
    found = factor_statistics(GRID, torch.full((60,), 7.0), FACTORS)
    assert found["entropy"] == pytest.approx(
        dict(zip(FACTORS.names, [math.log(size) for size in FACTORS.sizes], strict=True))
    )
    information = np.array(found["mutual_information"])
    assert information.diagonal() == pytest.approx(np.log(FACTORS.sizes))
    assert information[~np.eye(4, dtype=bool)] == pytest.approx(0, abs=1e-12)
    assert (information >= 0).all()


def test_statistics_of_whole_weights_are_those_of_repeated_rows(rng):
    weights = torch.from_numpy(rng.integers(0, 9, 60))
    values = GRID.repeat_interleave(weights, 0).numpy()
    found = factor_statistics(GRID, weights.double(), FACTORS)
    expected = [[mutual_info_score(a, b) for a in values.T] for b in values.T]
    assert np.array(found["mutual_information"]) == pytest.approx(np.array(expected), abs=1e-12)
    off = np.triu(expected, 1)
    largest = found["largest_mutual_information"]
    assert largest["nats"] == pytest.approx(off.max())
    a, b = np.unravel_index(off.argmax(), off.shape)
    assert largest["factors"] == [FACTORS.names[a], FACTORS.names[b]]


def test_mutual_information_of_correlated_factors_is_the_double_sum():
    weights = CorrelatedFactors([["size", "angle"]], 0.2).weights(GRID, FACTORS)
    found = factor_statistics(GRID, weights, FACTORS)
    joint = np.zeros((4, 5))
    for value, weight in zip(GRID.tolist(), weights.tolist(), strict=True):
        joint[value[0], value[1]] += weight
    joint /= joint.sum()
    apart = joint.sum(1, keepdims=True) * joint.sum(0)
    expected = (joint * np.log(joint / apart)).sum()
    assert found["largest_mutual_information"]["factors"] == ["size", "angle"]
    assert found["largest_mutual_information"]["nats"] == pytest.approx(expected)
    assert found["mutual_information"][0][3] == pytest.approx(0, abs=1e-12)


def test_information_grows_as_sigma_falls_up_to_the_entropy():
    def information(sigma):
        weights = CorrelatedFactors([["position_x", "position_y"]], sigma).weights(values, factors)
        return factor_statistics(values, weights, factors)["mutual_information"][0][1]

    factors = TinySquaresDataModule.dataset_class.factors
    values = factors.values(torch.arange(192))
    found = [information(sigma) for sigma in (math.inf, 0.7, 0.4, 0.2, 0.1, 1e-3)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=1e-12)
    assert found[-1] == pytest.approx(math.log(8))


def test_continuous_factors_are_counted_in_twenty_bins():
    factors = Factors(("a", "b"), (0, 0), ("continuous", "continuous"))
    a = (torch.arange(2000) + 0.5) / 2000
    values = torch.stack([a, 1 - a], 1)
    values[-1] = torch.tensor([1.0, 0.0])  # the end belongs to the last bin
    found = factor_statistics(values, torch.ones(2000), factors)
    assert found["entropy"] == pytest.approx({"a": math.log(20), "b": math.log(20)})
    assert found["largest_mutual_information"]["nats"] == pytest.approx(math.log(20))


def test_one_factor_has_no_pair():
    found = factor_statistics(
        torch.tensor([[0], [1]]), torch.ones(2), Factors("a", (2,), ["ordinal"])
    )
    assert found.keys() == {"entropy", "mutual_information"}


def test_continuous_points_may_be_correlated():
    data = SyntheticLinearDataModule(num_points=20_000, sampling=CorrelatedFactors([[0, 1]], 0.1))
    data.setup()
    batches = data.epoch_batches()
    index = torch.cat([batches.plan(step).rows for step in range(50)])
    a, b = data.dataset.values(index).unbind(1)
    assert float(torch.corrcoef(torch.stack([a, b]))[0, 1]) > 0.9
