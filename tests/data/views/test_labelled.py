"""The labelled rows of a semi-supervised run: which, how often, and what their labels say."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, chisquare

from builders.drawn_set import Grid
from builders.minibatches import columns
from vaescope.data.batches import EpochBatches, EvaluationBatches, MemberBatches, PlannedBatches
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.sets.tiny import TinySquares, TinySquaresDataModule
from vaescope.data.shifts.correlated import CorrelatedFactors
from vaescope.data.stored import StoredDataset
from vaescope.data.views.labelled import Labelled
from vaescope.errors import ConfigError
from vaescope.streams import stream

FACTORS = Factors(
    ("size", "angle", "constant", "shape"),
    (4, 15, 1, 3),
    ("ordinal", "circular", "ordinal", "categorical"),
)
SIZES = torch.tensor(FACTORS.sizes)


class FineGrid(Grid):
    factors = FACTORS


def plan_of(view, lookup=None, count=120, seed=3, step=0):
    lookup = lookup or RowLookup(FineGrid(), torch.arange(180))
    index = torch.from_numpy(lookup.rows[np.arange(count) % len(lookup.rows)])
    return view(index, lookup, stream(seed, "view", step))


def set_of(plan):
    return set(plan.partners[0].rows.tolist())


def label_by_row(plan):
    return dict(zip(plan.partners[0].rows.tolist(), plan.known.factor_labels.tolist(), strict=True))


# which rows


def test_labelled_rows_are_a_fixed_set_of_training_rows(rng):
    rows = torch.from_numpy(rng.permutation(180)[:90]).sort().values
    lookup, view = RowLookup(FineGrid(), rows), Labelled(20)
    plans = [
        plan_of(view, lookup, count=30, seed=seed, step=step) for seed in (1, 2) for step in (0, 9)
    ]
    fixed = set_of(plans[0])
    assert len(fixed) == 20
    assert fixed <= set(rows.tolist())
    assert all(set_of(plan) == fixed for plan in plans)
    assert not torch.equal(plans[0].partners[0].rows, plans[1].partners[0].rows)
    assert not torch.equal(plans[0].partners[0].rows, plans[2].partners[0].rows)
    assert set_of(plan_of(Labelled(20), RowLookup(FineGrid(), rows))) == fixed
    assert set_of(plan_of(Labelled(20, seed=1), lookup)) != fixed
    assert set_of(plan_of(Labelled(10), lookup)) < fixed


def test_no_row_comes_twice_before_all_have_come_once():
    for step in range(5):
        count = np.bincount(plan_of(Labelled(50), count=120, step=step).partners[0].rows.numpy())
        assert sorted(set(count[count > 0])) == [2, 3]
        assert (count == 3).sum() == 20
        assert len(set_of(plan_of(Labelled(50), count=30, step=step))) == 30


def test_every_row_is_labelled_as_often_as_every_other():
    lookup = RowLookup(FineGrid(), torch.arange(180))
    drawn = [
        plan_of(Labelled(30, seed=seed), lookup, count=30).partners[0].rows for seed in range(400)
    ]
    assert chisquare(np.bincount(torch.cat(drawn).numpy(), minlength=180)).pvalue > 1e-4


def test_rows_are_labelled_as_often_as_training_shows_them():
    weights = torch.tensor([0.0, 1.0, 3.0]).double().repeat(60)
    lookup = RowLookup(FineGrid(), torch.arange(180), weights)
    drawn = torch.cat(
        [plan_of(Labelled(1, seed=s), lookup, count=1).partners[0].rows for s in range(800)]
    )
    count = np.bincount(drawn.numpy() % 3, minlength=3)
    assert count[0] == 0
    assert binomtest(int(count[2]), 800, 0.75).pvalue > 1e-4
    assert len(set_of(plan_of(Labelled(120), lookup))) == 120
    with pytest.raises(ConfigError, match=r"only 120 rows to label; choose 1\.\.120"):
        plan_of(Labelled(121), lookup)


def test_plans_follow_from_seed_and_step_and_members_share_the_set():
    view = Labelled(10)
    data = TinySquaresDataModule(view=view)
    data.setup()
    members = MemberBatches([data.epoch_batches(seed) for seed in (2, 3)])
    together = members.plan(4)
    for half, seed in enumerate((2, 3)):
        other = TinySquaresDataModule(view=Labelled(10), seed=seed)
        other.setup()
        alone = other.epoch_batches().plan(4)
        for name, column in columns(alone).items():
            assert torch.equal(columns(together)[name].unflatten(0, (2, -1))[half], column)
    halves = together.partners[0].rows.unflatten(0, (2, -1))
    assert set(halves[0].tolist()) == set(halves[1].tolist())


def test_batches_do_not_depend_on_workers_or_on_where_they_are_gathered(monkeypatch):
    def batches(num_workers):
        data = TinySquaresDataModule(view=Labelled(20, "partial"), num_workers=num_workers)
        data.setup()
        return [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]

    here, workers = batches(0), batches(2)
    monkeypatch.setattr(TinySquaresDataModule, "gathers_on_device", True)
    for batch, of_worker, of_device in zip(here, workers, batches(0), strict=True):
        others = [columns(other) for other in (of_worker, of_device)]
        assert columns(batch).keys() == others[0].keys() == others[1].keys()
        for name, column in columns(batch).items():
            for other in others:
                torch.testing.assert_close(other[name], column, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(batch.partners[0].image, TinySquares().images(batch.partners[0].factors))


def test_labels_belong_to_their_images_and_looks_label_other_rows():
    data = TinySquaresDataModule(view=Labelled(40))
    data.setup()
    training = data.dataset.gather(data.epoch_batches().plan(0))
    look = EvaluationBatches(data.dataset, data.view, seed=0).batch(data.rows["val"], 0)
    for batch in (training, look):
        expected = batch.partners[0].factors / torch.tensor(TinySquares.factors.sizes)
        torch.testing.assert_close(batch.known.factor_labels, expected)
    assert torch.equal(look.rows, data.rows["val"])
    again = data.dataset.gather(data.epoch_batches().plan(0))  # the look has not moved the set
    assert torch.equal(again.partners[0].rows, training.partners[0].rows)


def test_labels_follow_the_sampling():
    sampling = CorrelatedFactors([["position_x", "position_y"]], sigma=0.1)
    data = TinySquaresDataModule(view=Labelled(15), sampling=sampling)
    data.setup()
    batch = data.dataset.gather(data.epoch_batches().plan(0))
    x, y = batch.partners[0].factors[:, 0], batch.partners[0].factors[:, 1]
    assert (x - y).abs().float().mean() < 1.5  # 21 / 8 if they were independent


def test_nuisance_of_labelled_images_is_drawn_anew():
    class Noisy(FineGrid):
        has_nuisance = True

    rows = torch.arange(60)
    view, lookup = Labelled(1), RowLookup(Noisy(), rows)
    planned = PlannedBatches(EpochBatches(rows, 8, 1), Noisy(), view, lookup)
    plan = planned.plan(0)
    assert len(set(plan.partners[0].draw.tolist())) == 8
    assert Noisy().gather(plan).partners[0].image.shape == (8, 1)


# what the labels say


def test_perfect_labels_are_shares_of_the_size():
    plan = plan_of(Labelled(60))
    labels = plan.known.factor_labels
    assert labels.dtype == torch.float32
    torch.testing.assert_close(labels, FACTORS.values(plan.partners[0].rows) / SIZES)
    assert (labels >= 0).all()
    assert (labels <= 1 - 1 / SIZES + 1e-6).all()


def test_binned_labels_are_the_bins_of_an_outer_histogram():
    plan = plan_of(Labelled(180, "binned"))
    labels, values = plan.known.factor_labels, FACTORS.values(plan.partners[0].rows)
    edges = np.linspace(0, 15, 6)  # 15 values in 5 bins
    bins = np.digitize(values[:, 1].numpy(), edges) - 1
    np.testing.assert_allclose(labels[:, 1].numpy(), bins / 5, rtol=1e-6)
    torch.testing.assert_close(labels[:, [0, 3]], values[:, [0, 3]] / torch.tensor([4, 3]))
    uneven = Factors(("a",), (7,), ("ordinal",))
    found = Labelled(1, "binned", num_bins=3)._labels(np.arange(7)[:, None], uneven)
    np.testing.assert_allclose(found[:, 0] * 3, [0, 0, 0, 1, 1, 2, 2])  # of 7/3 values each


def test_noisy_labels_are_wrong_as_often_as_they_should_and_stay_so():
    values = np.tile(FACTORS.values(torch.arange(180)).numpy(), (50, 1))
    labels = Labelled(1, "noisy", probability=0.3)._labels(values, FACTORS)
    wrong = ~np.isclose(labels, values / np.array(FACTORS.sizes))
    for position, size in enumerate(FACTORS.sizes):
        expected = 0.3 * (1 - 1 / size)
        assert binomtest(int(wrong[:, position].sum()), len(values), expected).pvalue > 1e-4
    given = np.round(labels[wrong[:, 1], 1] * 15).astype(int)
    assert chisquare(np.bincount(given, minlength=15)).pvalue > 1e-4
    first, resumed = (Labelled(40, "noisy", probability=0.5) for _ in range(2))
    assert label_by_row(plan_of(first, step=0)) == label_by_row(plan_of(resumed, step=7))
    assert label_by_row(plan_of(first, step=0)) != label_by_row(plan_of(Labelled(40)))
    same = plan_of(Labelled(40, "noisy", probability=0.0))
    assert torch.equal(same.known.factor_labels, plan_of(Labelled(40)).known.factor_labels)


def test_permuted_labels_rename_the_values_of_each_factor():
    plan = plan_of(Labelled(180, "permuted"), count=180)
    names = (plan.known.factor_labels * SIZES).round().long()
    values = FACTORS.values(plan.partners[0].rows)
    for position, size in enumerate(FACTORS.sizes):
        pairs = set(zip(values[:, position].tolist(), names[:, position].tolist(), strict=True))
        assert len(pairs) == size
        assert {name for _, name in pairs} == set(range(size))
    assert not torch.equal(names[:, 1], values[:, 1])


def test_partial_labels_know_the_same_few_factors_that_vary():
    known = set()
    for seed in range(12):
        plan = plan_of(Labelled(30, "partial", seed=seed))
        labels = plan.known.factor_labels
        columns = (~labels.isnan()).any(0)
        assert torch.equal(columns, (~labels.isnan()).all(0))
        assert columns.sum() == 2
        expected = FACTORS.values(plan.partners[0].rows) / SIZES
        torch.testing.assert_close(labels[:, columns], expected[:, columns])
        known.add(tuple(columns.nonzero().flatten().tolist()))
    assert known == {(0, 1), (0, 3), (1, 3)}  # never the constant one


@pytest.mark.parametrize("labeller", ["perfect", "binned", "noisy", "partial"])
def test_continuous_factors_are_their_own_labels(rng, labeller):
    factors = Factors(("a", "b"), (0, 3), ("continuous", "ordinal"))
    table = torch.tensor(np.stack([rng.random(50), rng.integers(0, 3, 50)], 1), dtype=torch.float32)
    dataset = StoredDataset(torch.zeros(50, 4, 4, 1).byte(), factors, "drawn in a test", table)
    view = Labelled(50, labeller, num_bins=4, probability=1.0)
    view.check(factors, 8)
    plan = plan_of(view, RowLookup(dataset, torch.arange(50)), count=50)
    labels, values = plan.known.factor_labels, table[plan.partners[0].rows]
    a = {
        "perfect": values[:, 0],
        "binned": (values[:, 0] * 4).floor() / 4,
        "noisy": None,
        "partial": values[:, 0],
    }[labeller]
    if a is None:
        assert ((labels[:, 0] >= 0) & (labels[:, 0] < 1) & (labels[:, 0] != values[:, 0])).all()
    else:
        torch.testing.assert_close(labels[:, 0], a)
        torch.testing.assert_close(labels[:, 1], values[:, 1] / 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Labelled(0), "num_labelled=0: give an integer from 1"),
        (lambda: Labelled(num_bins=1), "num_bins=1: give an integer from 2"),
        (lambda: Labelled(seed=-1), "seed=-1"),
        (lambda: Labelled(labeller="lazy"), "give one of 'perfect', 'binned', 'noisy'"),
        (lambda: Labelled(probability=1.5), r"probability=1.5: give a number from 0 to 1"),
        (lambda: Labelled().check(Factors((), (), ()), 8), "needs factors.*has none"),
        (
            lambda: Labelled(labeller="partial", num_observed=4).check(FACTORS, 8),
            r"only 3 factors have more than one value; choose 1\.\.3",
        ),
        (
            lambda: Labelled(labeller="permuted").check(Factors(("a",), (0,), ("continuous",)), 2),
            "permuted needs factors with finitely many values",
        ),
        (lambda: plan_of(Labelled(181)), r"only 180 rows to label; choose 1\.\.180"),
    ],
)
def test_what_cannot_be_labelled_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
