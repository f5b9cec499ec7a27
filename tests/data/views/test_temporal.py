"""Temporal pairs: transition probabilities from their definition, and how often they come."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import chisquare, kstest, laplace

from builders.drawn_set import FACTORS, Grid
from builders.minibatches import columns
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.sets.synthetic.vectors import SyntheticLinear
from vaescope.data.views.pairs import Pairs
from vaescope.data.views.temporal import (
    LaplaceTransitions,
    UniformTransitions,
    laplace_transitions,
    truncated_laplace,
)
from vaescope.errors import ConfigError

N = 20_000


@pytest.mark.parametrize("size", [2, 6, 40])
@pytest.mark.parametrize("rate", [0.3, 1.0, 6.0])
def test_ordinal_transitions_are_the_truncated_laplace_density(size, rate):
    found = laplace_transitions(size, circular=False, rate=rate)
    values = np.arange(size)
    for i in values:
        density = laplace.pdf(values, loc=i, scale=np.log(size) / rate)
        assert found[i] == pytest.approx(density / density.sum())


def test_circular_transitions_are_the_same_from_every_value():
    found = laplace_transitions(5, circular=True, rate=1.0)
    for i in range(5):
        assert np.roll(found[i], -i) == pytest.approx(found[0])
    weight = np.exp(-np.array([0, 1, 2, 2, 1]) / np.log(5))
    assert found[0] == pytest.approx(weight / weight.sum())


@pytest.mark.parametrize("circular", [False, True])
def test_transitions_that_leave_are_the_others_given_that_they_do(circular):
    stay = laplace_transitions(7, circular, 1.5)
    leave = laplace_transitions(7, circular, 1.5, leave=True)
    np.fill_diagonal(stay, 0)
    assert leave == pytest.approx(stay / stay.sum(1, keepdims=True))


def test_a_high_rate_moves_one_factor_by_one_step(rng):
    lookup = RowLookup(Grid(), torch.arange(60))
    index = torch.from_numpy(rng.integers(0, 60, 1000))
    plan = LaplaceTransitions(rate=1e4)(index, lookup, rng)
    a, b = FACTORS.values(index), FACTORS.values(plan.partners[0].rows)
    assert (plan.known.changed.sum(1) == 1).all()
    step = (a - b).abs().sum(1)
    round_the_circle = (a[:, 1] - b[:, 1]).abs() == 4
    assert ((step == 1) | round_the_circle).all()


def test_static_factors_stay_and_the_others_move_as_if_they_were_alone(rng):
    lookup = RowLookup(Grid(), torch.arange(60))
    index = torch.full((N,), 17)  # size 1, angle 0
    plan = LaplaceTransitions(static=["size"])(index, lookup, rng)
    a, b = FACTORS.values(index), FACTORS.values(plan.partners[0].rows)
    assert torch.equal(a[:, [0, 2, 3]], b[:, [0, 2, 3]])
    leave = laplace_transitions(5, circular=True, rate=1.0, leave=True)[int(a[0, 1])]
    stay = laplace_transitions(5, circular=True, rate=1.0)[int(a[0, 1])]
    expected = np.where(stay == stay.max(), 0, stay) + stay.max() * leave
    found = np.bincount(b[:, 1], minlength=5) / N
    assert np.abs(found - expected).max() < 4 * np.sqrt(0.25 / N)


def chances(rate, old):
    """P(new | old) of every row of the grid, from the definition."""
    steps = {0: (4, False), 1: (5, True)}
    move = {f: laplace_transitions(*steps[f], rate)[old[f]] for f in steps}
    leave = {f: laplace_transitions(*steps[f], rate, leave=True)[old[f]] for f in steps}
    stay = move[0][old[0]] * move[1][old[1]]
    chance = np.zeros(60)
    for size, angle in product(range(4), range(5)):
        new = torch.tensor([size, angle, 0, old[3]])
        if (size, angle) != (old[0], old[1]):
            chance[int(FACTORS.index(new))] = move[0][size] * move[1][angle]
        if angle == old[1]:
            chance[int(FACTORS.index(new))] += stay / 2 * leave[0][size]
        if size == old[0]:
            chance[int(FACTORS.index(new))] += stay / 2 * leave[1][angle]
    return chance


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("rate", [0.5, 1.0, 6.0])
@pytest.mark.parametrize("start", [0, 37])
def test_pairs_have_the_distribution_of_the_definition_given_the_rows(rng, rate, start, subset):
    rows = torch.arange(60)
    if subset:
        kept = torch.from_numpy(rng.permutation(60)[:40])
        rows = torch.cat([torch.tensor([start]), kept]).unique()
    index = torch.full((N,), start)
    plan = LaplaceTransitions(rate)(index, RowLookup(Grid(), rows), rng)
    old = FACTORS.values(torch.tensor(start)).tolist()
    chance = chances(rate, old)
    assert chance.sum() == pytest.approx(1)
    chance *= np.isin(np.arange(60), rows.numpy())
    found = np.bincount(plan.partners[0].rows.numpy(), minlength=60)
    assert not found[chance == 0].any()
    expected = chance[chance > 0] / chance.sum() * N
    common = expected > 5
    cells = [[*c[common], c[~common].sum()] for c in (found[chance > 0], expected)]
    cells = [c if expected[~common].size else c[:-1] for c in cells]
    assert chisquare(*cells).pvalue > 1e-4
    after = FACTORS.values(plan.partners[0].rows)
    assert torch.equal(plan.known.changed, after != FACTORS.values(index))
    assert plan.known.changed.any(1).all()
    assert (after[:, 3] == old[3]).all()


@pytest.mark.parametrize("mean", [0.0, 0.3, 0.97, 1.0])
@pytest.mark.parametrize("scale", [0.02, 0.1, 5.0])
def test_continuous_steps_have_the_truncated_density(rng, mean, scale):
    drawn = truncated_laplace(np.full(4000, mean), scale, rng.random(4000))
    assert 0 <= drawn.min() <= drawn.max() <= 1

    def density(y):
        return np.exp(-abs(y - mean) / scale)

    grid = np.linspace(0, 1, 201)
    mass = [quad(density, a, b, points=[mean])[0] for a, b in pairwise(grid)]
    until = np.concatenate([[0], np.cumsum(mass)]) / sum(mass)
    assert kstest(drawn, lambda y: np.interp(y, grid, until)).pvalue > 1e-4


def test_continuous_factors_move_by_their_scale(rng):
    dataset = SyntheticLinear(2000)
    index = torch.arange(2000)
    plan = LaplaceTransitions(rate=2.0, continuous_scale=0.02)(
        index, RowLookup(dataset, index), rng
    )
    assert plan.known.changed.all()
    before, after = dataset.values(index), plan.partners[0].factors
    assert after.dtype == torch.float32
    inside = ((before > 0.2) & (before < 0.8)).all(1)
    step = (after - before)[inside]
    assert float(step.abs().mean()) == pytest.approx(0.01, rel=0.1)
    assert abs(float(step.mean())) < 0.001


@pytest.mark.parametrize("k", [None, 1, 3])
def test_uniform_transitions_are_strict_pairs(k):
    lookup, index = RowLookup(Grid(), torch.arange(60)), torch.arange(60)
    a = UniformTransitions(k)(index, lookup, np.random.default_rng(1))
    b = Pairs(k, "strict")(index, lookup, np.random.default_rng(1))
    assert columns(a).keys() == columns(b).keys()
    assert all(torch.equal(column, columns(b)[name]) for name, column in columns(a).items())
    if k is not None:
        assert (a.known.changed.sum(1) == k).all()
    assert a.known.changed[:, 3].any()  # categories change, too


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LaplaceTransitions(0.0), "rate=0.0"),
        (lambda: LaplaceTransitions(float("inf")), "rate=inf"),
        (lambda: LaplaceTransitions(1.0, -1.0), "continuous_scale=-1.0"),
        (lambda: UniformTransitions(0), "k=0"),
        (lambda: UniformTransitions(5).check(FACTORS, 8), r"choose 1\.\.3"),
        (
            lambda: LaplaceTransitions().check(Factors("ab", (3, 3), ("categorical",) * 2), 8),
            "view=transitions_uniform",
        ),
        (lambda: LaplaceTransitions(static=[0, "angle"]).check(FACTORS, 8), "static=.0, 'angle'."),
        (lambda: LaplaceTransitions(static=["hue"]).check(FACTORS, 8), "hue"),
    ],
)
def test_impossible_options_are_refused_before_any_batch(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
