"""Pairs and triplets: how they are distributed, where they may come from; all views in batches."""

from itertools import product
from math import comb

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from builders.drawn_set import FACTORS, Grid
from builders.minibatches import columns
from vaescope.data.batches import EpochBatches, MemberBatches, PlannedBatches
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.sets.synthetic.vectors import SyntheticLinear, SyntheticLinearDataModule
from vaescope.data.sets.tiny import TinySquares, TinySquaresDataModule
from vaescope.data.shifts.held_out_combinations import Extrapolation, Recombination
from vaescope.data.stored import StoredDataset
from vaescope.data.views.groups import Groups
from vaescope.data.views.pairs import Pairs, Triplets, factor_distance
from vaescope.data.views.sequences import Sequences
from vaescope.data.views.temporal import LaplaceTransitions
from vaescope.errors import ConfigError, DataError
from vaescope.streams import stream

VARYING = [0, 1, 3]
N = 20_000


@pytest.fixture
def lookup():
    return RowLookup(Grid(), torch.arange(60))


def some_rows(rng, n=N, rows=60):
    return torch.from_numpy(rng.integers(0, rows, n))


def chance_of(policy, k, old, new):
    """P(new | old) of a pair on the whole grid, from the definition."""
    sizes = [FACTORS.sizes[position] for position in VARYING]
    differ = [a != b for a, b in zip(old, new, strict=True)]
    counts = range(1, len(sizes)) if k is None else [k]
    total = 0.0
    for chosen in product([False, True], repeat=len(sizes)):
        if any(d and not c for d, c in zip(differ, chosen, strict=True)):
            continue
        of_count = {count: sum(1 / len(counts) for j in counts if j == count) for count in range(4)}
        if policy == "locatello":
            of_count = {c: (of_count[c] + (c == 1)) / 2 for c in of_count}
        chance = of_count[sum(chosen)] / comb(len(sizes), sum(chosen))
        for picked, size, d in zip(chosen, sizes, differ, strict=True):
            if picked:
                chance *= (1 / (size - 1) if d else 0) if policy == "strict" else 1 / size
        total += chance
    return total


def fits(found, expected):
    """Whether counts may come from these chances; cells that have none stay empty."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert not found[expected == 0].any()
    cells = expected > 0
    assert abs(expected.sum() - 1) < 1e-9
    return chisquare(found[cells], expected[cells] * found.sum()).pvalue > 1e-4


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("k", [None, 1, 2, 3])
@pytest.mark.parametrize("policy", ["locatello", "uniform", "strict"])
def test_pairs_have_the_distribution_of_their_policy_given_the_rows(rng, policy, k, subset):
    rows = torch.arange(60)
    if subset:
        rows = torch.cat([torch.tensor([7]), torch.from_numpy(rng.permutation(60)[:30])]).unique()
    index = torch.full((N,), 7)
    plan = Pairs(k, policy)(index, RowLookup(Grid(), rows), rng)
    old = [int(v) for v in FACTORS.values(torch.tensor(7))[VARYING]]
    chance = np.zeros(60)
    for row in rows.tolist():
        new = [int(v) for v in FACTORS.values(torch.tensor(row))[VARYING]]
        chance[row] = chance_of(policy, k, old, new)
    if not subset:
        assert chance.sum() == pytest.approx(1)
    assert fits(np.bincount(plan.partners[0].rows.numpy(), minlength=60), chance / chance.sum())


@pytest.mark.parametrize(
    "view", [Pairs(), Pairs(2, "uniform"), Pairs(2, "strict"), Pairs(policy="share_one")]
)
def test_what_changed_is_what_differs_and_the_rest_is_shared(rng, lookup, view):
    index = some_rows(rng)
    plan = view(index, lookup, rng)
    assert columns(plan).keys() == {"rows", "partners.0.rows", "known.changed"}
    assert torch.equal(plan.rows, index)
    a, b = FACTORS.values(index), FACTORS.values(plan.partners[0].rows)
    assert torch.equal(plan.known.changed, a != b)
    assert not plan.known.changed[:, 2].any()  # it has one value
    count = plan.known.changed.sum(1)
    assert int(count.max()) == 2
    if view.policy in ("strict", "share_one"):  # of three factors that vary
        assert (count == 2).all()
    else:
        assert (count == 0).any()


@pytest.mark.parametrize(
    "view", [Pairs(), Pairs(1, "strict"), LaplaceTransitions(), Triplets(), Groups("shape", 5)]
)
def test_further_images_are_training_images_whatever_the_random_numbers(rng, view):
    rows = torch.from_numpy(rng.permutation(60)[:40]).sort().values
    lookup = RowLookup(Grid(), rows)
    for step in range(20):
        index = rows[some_rows(rng, 50, 40)]
        plan = view(index, lookup, stream(3, "view", step))
        again = view(index, lookup, stream(3, "view", step))
        plan, again = columns(plan), columns(again)
        assert plan.keys() == again.keys()
        for name, column in plan.items():
            assert torch.equal(column, again[name])
            if name.endswith("rows"):
                assert torch.isin(column, rows).all()


def test_a_table_with_gaps_and_repeats_gives_pairs_each_repeat_as_often(rng):
    table = torch.tensor([[0, 0], [0, 1], [0, 1], [1, 0], [2, 2]])
    factors = Factors(("a", "b"), (3, 3), ("ordinal", "ordinal"))
    dataset = StoredDataset(torch.zeros(5, 4, 4, 1).byte(), factors, "drawn in a test", table)
    lookup = RowLookup(dataset, torch.arange(5))
    plan = Pairs(1, "strict")(torch.zeros(N, dtype=torch.int64), lookup, rng)
    # (0, 1) or (1, 0): proposed as often as each other, the former in two rows
    assert fits(np.bincount(plan.partners[0].rows.numpy(), minlength=5), [0, 0.25, 0.25, 0.5, 0])
    with pytest.raises(DataError, match=r"'a': 2, 'b': 2.*data.split=null"):
        Pairs(1, "strict")(torch.tensor([0, 4]), lookup, rng)


def test_continuous_factors_are_computed_where_images_are(rng):
    dataset = SyntheticLinear(1000)
    index = some_rows(rng, 500, 1000)
    plan = Pairs(1, "strict")(index, RowLookup(dataset, torch.arange(1000)), rng)
    assert columns(plan).keys() == {"rows", "partners.0.factors", "known.changed"}
    assert (plan.known.changed.sum(1) == 1).all()
    assert plan.partners[0].factors.dtype == torch.float32
    batch = dataset.gather(plan)
    assert torch.equal(batch.partners[0].image, dataset.images(plan.partners[0].factors))
    assert torch.equal(batch.partners[0].factors != batch.factors, plan.known.changed)
    moved = plan.partners[0].factors[plan.known.changed]
    assert fits(torch.histc(moved, 10, 0, 1).numpy(), np.full(10, 0.1))


@pytest.mark.parametrize(
    "view", [Pairs(), Pairs(1, "strict"), LaplaceTransitions(), Triplets(), Sequences(3)]
)
def test_computed_images_are_never_of_held_out_values(view):
    hold_outs = (Extrapolation(0.5), Recombination([[0.5, 1], [0.5, 1]]))
    for hold_out in hold_outs:
        data = SyntheticLinearDataModule(num_points=2000, view=view, hold_out=hold_out)
        data.setup()
        batches = data.epoch_batches()
        for step in range(10):
            plan = batches.plan(step)
            shown = [data.dataset.values(plan.rows)]
            shown += [partner.factors for partner in plan.partners]
            assert len(shown) > 1
            assert not any(hold_out.mask(values, data.factors).any() for values in shown)


def test_stored_images_of_continuous_factors_are_refused(rng):
    factors = Factors(("a", "b"), (0, 3), ("continuous", "ordinal"))
    table = torch.tensor([[0.5, 0.0], [0.25, 1.0]])
    dataset = StoredDataset(torch.zeros(2, 4, 4, 1).byte(), factors, "drawn in a test", table)
    with pytest.raises(ConfigError, match=r"continuous factors.*view=null"):
        Pairs()(torch.tensor([0]), RowLookup(dataset, torch.arange(2)), rng)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0, 0, 0, 0), (3, 0, 0, 0), 1.0),
        ((0, 0, 0, 0), (1, 0, 0, 0), 1 / 3),
        ((0, 0, 0, 0), (0, 4, 0, 0), 1 / 2),  # the shorter way round
        ((0, 0, 0, 0), (0, 2, 0, 0), 1.0),
        ((0, 0, 0, 0), (0, 0, 0, 2), 1.0),
        ((3, 1, 0, 1), (1, 4, 0, 2), 2 / 3 + 1 + 1),
    ],
)
def test_distance_is_the_sum_over_factors(a, b, expected):
    found = factor_distance(np.array([a, b]), np.array([b, a]), FACTORS)
    assert found == pytest.approx([expected, expected])
    points = Factors(("a", "b"), (0, 0), ("continuous", "continuous"))
    assert factor_distance(np.array([[0.25, 1]]), np.array([[0.5, 0]]), points) == [1.25]


def test_triplets_have_the_nearer_image_first_and_no_ties(rng, lookup):
    plan = Triplets()(some_rows(rng), lookup, rng)
    assert len(plan.partners) == 2
    a, near, far = (FACTORS.values(part.rows).numpy() for part in (plan, *plan.partners))
    gap = factor_distance(a, far, FACTORS) - factor_distance(a, near, FACTORS)
    assert (gap > 1e-6).all()
    assert (near != a).any(1).all()
    assert set((far != a).sum(1)) == {1, 2, 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pairs(0), "k=0"),
        (lambda: Pairs(policy="loose"), "give one of 'locatello', 'uniform', 'strict'"),
        (lambda: Pairs(4).check(FACTORS, 8), r"k=4 was given.* choose 1\.\.3"),
    ],
)
def test_impossible_options_are_refused_before_any_batch(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize("view", [Pairs(), Triplets(), LaplaceTransitions()])
@pytest.mark.parametrize("sizes", [(), (7,), (7, 1)])
def test_views_of_factors_need_two_of_them(view, sizes):
    names, kinds = ("a", "b")[: len(sizes)], ("ordinal",) * len(sizes)
    with pytest.raises(ConfigError, match="needs two factors"):
        view.check(Factors(names, sizes, kinds), 8)


VIEWS = [Pairs(), LaplaceTransitions(), Triplets(), Groups("size", 4), Sequences(3)]


@pytest.mark.parametrize("view", VIEWS)
def test_plans_are_a_function_of_seed_and_step(view):
    straight, jumping = (TinySquaresDataModule(seed=5, view=view) for _ in range(2))
    for data in (straight, jumping):
        data.setup()
    plans = [straight.epoch_batches().plan(step) for step in range(12)]
    batches = jumping.epoch_batches()
    for step in (11, 0, 7, 3):
        found, expected = columns(batches.plan(step)), columns(plans[step])
        assert found.keys() == expected.keys()
        assert all(torch.equal(column, expected[name]) for name, column in found.items())
    other = columns(jumping.epoch_batches(seed=6).plan(0))
    assert any(not torch.equal(column, other[name]) for name, column in columns(plans[0]).items())


@pytest.mark.parametrize("view", VIEWS)
def test_members_of_an_ensemble_have_the_plans_of_their_own_seeds(view):
    data = TinySquaresDataModule(view=view)
    data.setup()
    members = MemberBatches([data.epoch_batches(seed) for seed in (2, 3)])
    assert members.members[0].lookup is members.members[1].lookup
    for step in (9, 0):
        together = members.plan(step)
        alone = [columns(data.epoch_batches(seed).plan(step)) for seed in (2, 3)]
        for name, column in columns(together).items():
            halves = column.unflatten(0, (2, -1))
            assert torch.equal(halves[0], alone[0][name])
            assert torch.equal(halves[1], alone[1][name])


@pytest.mark.parametrize("view", VIEWS)
def test_batches_do_not_depend_on_workers_or_on_where_they_are_gathered(view, monkeypatch):
    def batches(num_workers):
        data = TinySquaresDataModule(view=view, num_workers=num_workers)
        data.setup()
        loaded = list(data.train_dataloader())
        return [data.on_after_batch_transfer(batch, 0) for batch in loaded]

    here, workers = batches(0), batches(2)
    monkeypatch.setattr(TinySquaresDataModule, "gathers_on_device", True)
    device = batches(0)
    dataset = TinySquares()
    for batch, of_worker, of_device in zip(here, workers, device, strict=True):
        others = [columns(other) for other in (of_worker, of_device)]
        assert columns(batch).keys() == others[0].keys() == others[1].keys()
        for name, column in columns(batch).items():
            assert all(torch.equal(column, other[name]) for other in others)
        for part in (batch, *batch.partners):
            assert torch.equal(part.image, dataset.images(part.factors))


def test_nuisance_of_every_image_is_its_own():
    class Noisy(Grid):
        has_nuisance = True

    rows = torch.arange(60)
    planned = PlannedBatches(EpochBatches(rows, 8, 1), Noisy(), Pairs(), RowLookup(Noisy(), rows))
    plan = planned.plan(0)
    assert {"draw", "partners.0.draw"} <= columns(plan).keys()
    assert not torch.equal(plan.draw, plan.partners[0].draw)
    grouped = PlannedBatches(EpochBatches(rows, 8, 1), Noisy(), Groups("shape", 4), planned.lookup)
    assert len(grouped.plan(0).draw) == 8
    assert not any(name.endswith("draw") for name in columns(Noisy().gather(plan)))
