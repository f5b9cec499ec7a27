"""Groups of images that share a factor or the class."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from builders.drawn_set import FACTORS, Grid
from builders.minibatches import columns
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.stored import StoredDataset
from vaescope.data.views.groups import Groups, Labels
from vaescope.errors import ConfigError

N = 20_000


def test_groups_share_a_factor_and_begin_with_the_batch(rng):
    lookup, index = RowLookup(Grid(), torch.arange(60)), torch.from_numpy(rng.integers(0, 60, 60))
    plan = Groups("angle", 3)(index, lookup, rng)
    assert columns(plan).keys() == {"rows", "known.group", "known.label"}
    assert plan.known.group.tolist() == [g for g in range(20) for _ in range(3)]
    assert torch.equal(plan.rows[::3], index[:20])
    assert torch.equal(plan.known.label, FACTORS.values(plan.rows)[:, 1])
    assert (plan.known.label.view(20, 3) == plan.known.label.view(20, 3)[:, :1]).all()
    assert all(column.dtype == torch.int64 for column in columns(plan).values())


@pytest.mark.parametrize("weighted", [False, True])
def test_members_of_a_group_are_drawn_as_training_shows_them(rng, weighted):
    rows = torch.from_numpy(rng.permutation(60)[:45]).sort().values
    weights = torch.from_numpy(rng.random(45)) if weighted else None
    lookup = RowLookup(Grid(), rows, weights)
    for first in rows[[0, 20, 44]]:
        plan = Groups("shape", N)(first.repeat(N), lookup, rng)
        others = np.bincount(plan.rows[1:].numpy(), minlength=60)
        expected = np.zeros(60)
        expected[rows.numpy()] = 1 if weights is None else weights.numpy()
        expected *= (FACTORS.values(torch.arange(60))[:, 3] == plan.known.label[0]).numpy()
        assert not others[expected == 0].any()
        cells = expected > 0
        expected = expected[cells] / expected.sum() * (N - 1)
        assert chisquare(others[cells], expected).pvalue > 1e-4


def test_groups_by_class_need_no_factors(rng):
    labels = torch.from_numpy(rng.integers(0, 3, 50))
    dataset = StoredDataset(
        torch.zeros(50, 4, 4, 1).byte(),
        Factors((), (), ()),
        "drawn in a test",
        torch.zeros(50, 0).long(),
        labels,
    )
    rows = torch.arange(0, 50, 2)
    view = Groups("label", 4)
    view.check(dataset.factors, 24)
    plan = view(rows[:24], RowLookup(dataset, rows), rng)
    assert torch.equal(labels[plan.rows], plan.known.label)
    assert torch.isin(plan.rows, rows).all()
    batch = dataset.gather(plan)
    assert torch.equal(batch.known.label, plan.known.label)
    assert torch.equal(batch.known.group, plan.known.group)
    with pytest.raises(ConfigError, match=r"no classes.*'size', 'angle'"):
        view(torch.arange(8), RowLookup(Grid(), torch.arange(60)), rng)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Groups("shape", 1), "size=1: give an integer from 2"),
        (lambda: Groups("shape", 3).check(FACTORS, 8), "size=3 was given for batch_size=8"),
        (lambda: Groups("colour", 2).check(FACTORS, 8), "'colour' was given.*'size', 'angle'"),
        (
            lambda: Groups("a", 2).check(Factors(("a",), (0,), ("continuous",)), 2),
            "'a' is continuous",
        ),
        (
            lambda: Labels("shape", 2).check(FACTORS, 8),
            "'shape' has . values; give model.num_labels=",
        ),
    ],
)
def test_impossible_options_are_refused_before_any_batch(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(("by", "column"), [(None, 0), ("shape", 3)])
def test_labels_leave_the_batch_as_it_is(rng, by, column):
    rows = torch.from_numpy(rng.permutation(60)[:45]).sort().values
    index = rows[torch.from_numpy(rng.integers(0, 45, 30))]
    plan = Labels(by)(index, RowLookup(Grid(), rows), rng)
    assert torch.equal(plan.rows, index)
    assert torch.equal(plan.known.label, FACTORS.values(index)[:, column])


def test_labels_are_classes_where_there_are_no_factors(rng):
    labels = torch.arange(20) % 3
    pixels = torch.zeros(20, 2, 2, 1, dtype=torch.uint8)
    table = torch.zeros(20, 0, dtype=torch.int64)
    made = StoredDataset(pixels, Factors((), (), ()), "drawn in a test", table, labels)
    plan = Labels()(torch.tensor([5, 1]), RowLookup(made, torch.arange(20)), rng)
    assert plan.known.label.tolist() == [2, 1]
    with pytest.raises(ConfigError, match=r"'label' has 3 values; give model\.num_labels=3"):
        Labels(num_labels=2)(torch.tensor([5, 1]), RowLookup(made, torch.arange(20)), rng)
    Labels(num_labels=3)(torch.tensor([5, 1]), RowLookup(made, torch.arange(20)), rng)
