"""Images around a point: of whole grids, of grids with gaps, and the nearest of scattered rows."""

import math

import numpy as np
import pytest
import torch

from vaescope.data import ColorDSprites, Factors
from vaescope.data.sets.own.datamodule import OwnVectors
from vaescope.data.surroundings import shifts_between, surroundings_of
from vaescope.diagnosis import diagnose
from vaescope.errors import ConfigError

LENGTHS = torch.tensor([3.0, 2.0, 1.0])
GRID = Factors(("a", "b", "c"), (12, 10, 8), ("ordinal", "circular", "ordinal"))


def vectors(factors, table, function):
    return OwnVectors(function(table.float()), factors, "a test", table)


def rows_of_grid(share):
    index = np.random.default_rng(0).permutation(GRID.num_combinations)
    return GRID.values(torch.from_numpy(index[: int(share * len(index))]))


def test_a_shuffled_grid_is_looked_up_and_gives_what_the_grid_gives():
    everything = GRID.values(torch.arange(GRID.num_combinations))
    ordered, shuffled = (
        vectors(GRID, table, lambda values: values * LENGTHS)
        for table in (everything, rows_of_grid(1))
    )
    assert surroundings_of(ordered, [0, 1, 2]).told == "of the whole grid of the factors"
    assert "100% of all combinations" in surroundings_of(shuffled, [0, 1, 2]).told
    found = [
        diagnose(dataset, num_points=960, scales=[0.0]).scales[0] for dataset in (ordered, shuffled)
    ]
    assert found[0].norms == pytest.approx(found[1].norms)
    spread = [math.sqrt((size**2 - 1) / 12) for size in GRID.sizes]
    assert found[0].norms[0] == pytest.approx(3 * spread[0], rel=1e-5)
    assert found[0].norms[2] == pytest.approx(1 * spread[2], rel=1e-5)


def test_gaps_of_a_grid_are_left_out():
    dataset = vectors(
        GRID, rows_of_grid(0.7), lambda values: torch.stack([3 * values[:, 0], values[:, 2]], 1)
    )
    found = diagnose(dataset, num_points=100)
    assert "of all combinations of the factors that some image has" in found.surroundings
    assert "at width 0 only" in found.notes[0]
    assert all(at.norms[2] == pytest.approx(2.2913, rel=1e-3) for at in found.scales)


@pytest.mark.parametrize("discrete", [False, True])
def test_scattered_rows_have_the_norms_of_linear_images(discrete):
    """A tenth of a grid, or labels that are any numbers: slopes times spreads, at every width."""
    if discrete:
        factors = Factors(("a", "b"), (300, 200), ("ordinal", "ordinal"))
        index = np.random.default_rng(0).choice(60_000, 6000, replace=False)
        table = factors.values(torch.from_numpy(index))
    else:
        factors = Factors(("a", "b"), (0, 0), ("continuous",) * 2)
        table = torch.from_numpy(np.random.default_rng(0).beta(2, 2, (6000, 2))).float()
    mix = torch.tensor([[3.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    dataset = vectors(factors, table, lambda values: values @ mix)
    found = diagnose(dataset, num_points=30)
    assert found.surroundings == "those nearest in factor space, for there is no full grid of them"
    assert [at.scale for at in found.scales] == [0, 0.25, 0.5, 1]
    spread = table.double().std(0, correction=0).tolist()
    for at in found.scales:
        assert at.norms == pytest.approx([10**0.5 * spread[0], 5**0.5 * spread[1]], rel=1e-3)
        assert at.cosines[0][1] == pytest.approx(1 / 50**0.5, abs=1e-3)
    assert found.scales[0].width < 0.1
    assert found.scales[2].width == pytest.approx(0.5, abs=0.12)


def test_scattered_balls_smooth_as_they_should():
    """E cos(w + s e) = cos(w) exp(-s^2 / 2), from rows as they happen to lie."""
    table = torch.from_numpy(np.random.default_rng(0).random((20_000, 2))).float()
    scale = 12**0.5
    dataset = vectors(
        Factors(("a", "b"), (0, 0), ("continuous",) * 2),
        table,
        lambda values: torch.stack([(scale * values[:, 0]).sin(), values[:, 1]], 1),
    )
    inside = (table - 0.5).abs().amax(1) < 0.1
    rows = torch.arange(20_000)[inside][:100]
    near = surroundings_of(dataset, [0, 1]).around(rows, 0.5, 128, np.random.default_rng(0))
    assert near.enough.all()
    mean = near.images[..., 0].mean()
    expected = (scale * table[rows, 0]).sin().mean() * math.exp(-0.125)
    assert float(mean) == pytest.approx(float(expected), abs=0.02)


def test_widths_with_too_few_images_are_left_out_and_told():
    rng = np.random.default_rng(0)
    table = torch.from_numpy(rng.random((2000, 6))).float()
    factors = Factors(tuple("abcdef"), (0,) * 6, ("continuous",) * 6)
    dataset = vectors(factors, table, lambda values: values)
    found = diagnose(dataset, num_points=20)
    assert [at.scale for at in found.scales] == [0, 1]
    notes = " | ".join(found.notes)
    assert "width 0.25 is left out: around hardly any image are there 64 others" in notes
    assert "width 0.5 is left out" in notes
    assert "the nearest images differ by" in notes
    assert found.predicted_at == 1
    few = vectors(factors, table[:12], lambda values: values)
    with pytest.raises(ConfigError, match="the 12 images are too few for a diagnosis of 6 factors"):
        diagnose(few)


def test_scattered_classes_and_circles():
    factors = Factors(("kind", "turn"), (3, 8), ("categorical", "circular"))
    first, second = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    step = math.sqrt(12 / 63)
    places = torch.stack([first, second])
    other = torch.tensor([[0.0, 0.0, 2.0], [7 * step, step, 4 * step]])
    shifts = shifts_between(places, other, factors, [0, 1])
    assert shifts[0].tolist() == pytest.approx([0, -math.sqrt(3), math.sqrt(3)])
    assert shifts[1].abs().tolist() == pytest.approx([step, step, 4 * step])


def test_what_is_no_factor_stays_as_it_is_at_a_point():
    """The colour of a sprite is drawn for each image; around a point it is that of the point."""
    dataset = ColorDSprites()
    rows, columns = torch.arange(1000, 1003), range(5)
    near = surroundings_of(dataset, columns).around(rows, 0, 64, np.random.default_rng(0))
    colours = near.images.flatten(3).amax(3)
    assert torch.allclose(colours, colours[:, :1].expand_as(colours))
    assert len(colours[:, 0].unique(dim=0)) == 3
