"""Held-out combinations, against loops that follow their definitions."""

import numpy as np
import pytest
import torch
from scipy.spatial import Delaunay

from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import SyntheticLinearDataModule
from vaescope.data.sets.tiny import TinySquaresDataModule
from vaescope.data.shifts.held_out_combinations import (
    Extrapolation,
    Hull,
    Interpolation,
    Recombination,
)
from vaescope.data.views.pairs import Pairs, Triplets
from vaescope.errors import ConfigError

FACTORS = Factors(
    ("size", "angle", "width", "shape", "height"),
    (4, 6, 2, 3, 5),
    ("ordinal", "circular", "ordinal", "categorical", "ordinal"),
)
GRID = FACTORS.values(torch.arange(FACTORS.num_combinations))
SIZE, ANGLE, WIDTH, SHAPE, HEIGHT = range(5)

CASES = [
    (Hull(), lambda v: v[SIZE] in (1, 2) and v[HEIGHT] in (1, 2, 3)),
    (Hull(["height"]), lambda v: v[HEIGHT] in (1, 2, 3)),
    (Interpolation(), lambda v: v[SIZE] == 1 or v[ANGLE] in (1, 3, 5) or v[HEIGHT] in (1, 3)),
    (Interpolation([0]), lambda v: v[SIZE] == 1),
    (Interpolation(["angle"]), lambda v: v[ANGLE] in (1, 3, 5)),
    (Extrapolation(), lambda v: v[SIZE] == 3 or v[WIDTH] == 1 or v[HEIGHT] == 4),
    (Extrapolation(0.5, ["height", "size"]), lambda v: v[HEIGHT] in (3, 4) or v[SIZE] in (2, 3)),
    (Extrapolation(0.3, [-1]), lambda v: v[HEIGHT] in (3, 4)),
    (
        Recombination([[0.5, 1.0], [0.5, 1.0]]),
        lambda v: v[SHAPE] in (1, 2) and v[HEIGHT] in (2, 3, 4),
    ),
    (
        Recombination([[1, 1], [0, 0.4], [0, 0]], ["shape", "angle", 0]),
        lambda v: v[SHAPE] == 2 and v[ANGLE] in (0, 1, 2) and v[SIZE] == 0,
    ),
]


@pytest.mark.parametrize(("hold_out", "rule"), CASES)
def test_held_out_is_what_the_definition_says(hold_out, rule):
    hold_out.check(FACTORS)
    mask = hold_out.mask(GRID, FACTORS)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [bool(rule(value)) for value in GRID.tolist()]


def test_what_the_hull_holds_out_lies_in_the_hull_of_the_rest():
    factors = Factors(("a", "b", "c"), (4, 5, 3), ("ordinal",) * 3)
    values = factors.values(torch.arange(60))
    mask = Hull().mask(values, factors)
    assert mask.sum() == 2 * 3 * 1
    hull = Delaunay(values[~mask].numpy())
    assert (hull.find_simplex(values[mask].numpy()) >= 0).all()


def test_neighbours_of_every_interpolated_value_are_seen():
    mask = Interpolation().mask(GRID, FACTORS)
    for position in (SIZE, ANGLE, HEIGHT):
        seen, size = set(GRID[~mask][:, position].tolist()), FACTORS.sizes[position]
        for value in set(range(size)) - seen:
            assert {(value - 1) % size, (value + 1) % size} <= seen
            assert position == ANGLE or 0 < value < size - 1


@pytest.mark.parametrize("low", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("pair", [("size", "shape"), ("angle", "height")])
def test_every_value_of_a_recombination_is_seen_by_itself(low, pair):
    hold_out = Recombination([[low, 1.0], [low, 1.0]], pair)
    if low == 0:
        with pytest.raises(ConfigError, match=f"{pair[0]!r} holds all"):
            hold_out.check(FACTORS)
        return
    hold_out.check(FACTORS)
    mask = hold_out.mask(GRID, FACTORS)
    for position, size in enumerate(FACTORS.sizes):
        assert set(GRID[~mask][:, position].tolist()) == set(range(size))


def test_continuous_factors_have_ranges_but_no_inner_values():
    factors = Factors(("a", "b"), (0, 0), ("continuous", "continuous"))
    values = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.9, 0.9], [0.75, 0.0]])
    assert Extrapolation(0.25).mask(values, factors).tolist() == [True, True, True, False]
    both = Recombination([[0.5, 1], [0.1, 0.9]])
    both.check(factors)
    assert both.mask(values, factors).tolist() == [False, True, True, False]
    for hold_out in (Hull(), Interpolation()):
        with pytest.raises(ConfigError, match="which are here none"):
            hold_out.check(factors)
    for ranges in ([[0, 1], [0, 0.5]], [[0.3, 0.3], [0, 0.5]]):
        with pytest.raises(ConfigError, match="range"):
            Recombination(ranges).check(factors)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hull(["angle"]).check(FACTORS), r"'angle'.* ordinal factors .*'size', 'height'"),
        (lambda: Hull(["width"]).check(FACTORS), "at least 3 values"),
        (lambda: Hull([]).check(FACTORS), r"factors=\[\]"),
        (lambda: Hull(["hue"]).check(FACTORS), "'hue' was given"),
        (lambda: Hull([0, "size"]).check(FACTORS), "one factor twice"),
        (lambda: Hull().check(Factors((), (), ())), "here none"),
        (lambda: Interpolation(["shape"]).check(FACTORS), "ordinal or circular"),
        (lambda: Extrapolation(0.0), "share=0.0"),
        (lambda: Extrapolation(1.0), "share=1.0"),
        (lambda: Extrapolation(0.5, ["angle"]).check(FACTORS), "ordinal or continuous"),
        (lambda: Recombination([[0, 1]]), "two factors or more"),
        (lambda: Recombination([[0, 1], [1]]), "two factors or more"),
        (lambda: Recombination([[0, 1], [0.5, 0.2]]), "low <= high"),
        (lambda: Recombination([[0, 1], [0, 2]]), "each a number from 0 to 1"),
        (lambda: Recombination([[0.1, 0.2], [0.5, 1]]).check(FACTORS), "'shape' holds none"),
        (lambda: Recombination([[0.5, 1]] * 3).check(FACTORS), "3 ranges were given for 2"),
        (lambda: Recombination([[0.5, 1]] * 2).check(Factors("a", (3,), ["ordinal"])), "factor -2"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# in a data module

HOLD_OUTS = [Hull(), Interpolation(), Extrapolation(), Recombination([[0.5, 1], [0.5, 1]])]


@pytest.mark.parametrize("split", [(0.8, 0.1, 0.1), None])
@pytest.mark.parametrize("hold_out", HOLD_OUTS)
def test_the_parts_and_what_is_held_out_are_apart(hold_out, split):
    data = TinySquaresDataModule(hold_out=hold_out, split=split)
    data.setup()
    mask = hold_out.mask(data.dataset.values(torch.arange(192)), data.factors)
    assert torch.equal(data.rows["held_out"], mask.nonzero().flatten())
    shown = torch.cat([data.rows[part] for part in ("train", "val", "test")]).unique()
    assert torch.equal(shown, (~mask).nonzero().flatten())
    assert set(data.evaluation_rows("held_out", 5).tolist()) <= set(data.rows["held_out"].tolist())


@pytest.mark.parametrize("view", [None, Pairs(), Triplets()])
@pytest.mark.parametrize("hold_out", HOLD_OUTS)
def test_training_never_shows_what_is_held_out(hold_out, view):
    data = TinySquaresDataModule(hold_out=hold_out, view=view, batch_size=8)
    data.setup()
    for batch in data.train_dataloader():
        shown = [part.factors for part in (batch, *batch.partners)]
        assert len(shown) == {None: 1, Pairs: 2, Triplets: 3}[view and type(view)]
        assert not any(hold_out.mask(values, data.factors).any() for values in shown)
        for part in (batch, *batch.partners):
            assert torch.isin(part.rows, data.rows["train"]).all()


def test_the_split_of_the_rest_does_not_depend_on_seeds():
    rows = []
    for seed in (0, 1):
        data = TinySquaresDataModule(hold_out=Hull(), seed=seed)
        data.setup()
        rows.append(data.rows)
    assert all(torch.equal(rows[0][part], rows[1][part]) for part in rows[0])


def test_nothing_or_everything_held_out_is_refused():
    class Some:
        def __init__(self, mask):
            self._mask = mask

        def check(self, factors):
            pass

        def mask(self, values, factors):
            return torch.full((len(values),), self._mask)

    for mask, told in ((False, "192 of 192 .* holds out 0"), (True, "0 of 192 .* holds out 192")):
        data = TinySquaresDataModule(hold_out=Some(mask))
        data.setup()
        with pytest.raises(ConfigError, match=told):
            _ = data.rows


def test_points_may_be_held_out_too():
    data = SyntheticLinearDataModule(num_points=1000, hold_out=Extrapolation(0.5))
    data.setup()
    values = data.dataset.values(data.rows["held_out"])
    assert (values > 0.5).any(1).all()
    assert (data.dataset.values(data.rows["train"]) <= 0.5).all()
    shares = len(data.rows["held_out"]) / 1000
    assert abs(shares - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 1000)
