"""Sequences: what stays, what moves and how, from the definitions of the motions."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from builders.drawn_set import FACTORS, Grid
from builders.minibatches import columns
from vaescope.data.row_lookup import RowLookup
from vaescope.data.sets.smooth_sprites import SmoothSprites
from vaescope.data.sets.tiny import TinySquaresDataModule
from vaescope.data.views.sequences import Sequences, constant_velocity, ornstein_uhlenbeck
from vaescope.data.views.temporal import LaplaceTransitions
from vaescope.errors import ConfigError, DataError

MOTIONS = ("velocity", "ornstein_uhlenbeck", "laplace")


def values_of(plan):
    """Factor values `[B, T, K]` of all frames."""
    later = [
        FACTORS.values(p.rows) if p.factors is None else p.factors for p in (plan, *plan.partners)
    ]
    return torch.stack(later, 1).numpy()


def sequences(view, rng, n=2000, start=None, rows=60):
    lookup = RowLookup(Grid(), torch.arange(rows))
    index = torch.from_numpy(rng.integers(0, rows, n)) if start is None else torch.full((n,), start)
    return values_of(view(index, lookup, rng))


@pytest.mark.parametrize("motion", MOTIONS)
def test_static_factors_and_categories_stay_and_the_others_move(rng, motion):
    frames = sequences(Sequences(5, motion, static=["size"]), rng)
    assert frames.shape == (2000, 5, 4)
    assert (frames[:, :, [0, 2, 3]] == frames[:, :1, [0, 2, 3]]).all()
    assert (frames[:, 1:, 1] != frames[:, :1, 1]).any(1).all()  # somewhere, in every sequence
    assert len({tuple(way) for way in frames[:, :, 1]}) > 50


def test_constant_velocity_is_the_motion_of_a_ball_between_walls():
    rng = np.random.default_rng(0)
    start, velocity = rng.random((500, 1)), rng.uniform(-1, 1, (500, 1))
    found = constant_velocity(start, velocity, 9, np.array([False]))
    place, speed = start.copy(), velocity.copy()
    for t in range(8):  # step by step, turned round at a wall
        place = place + speed
        over, under = place > 1, place < 0
        place = np.where(over, 2 - place, np.where(under, -place, place))
        speed = np.where(over | under, -speed, speed)
        assert found[:, t] == pytest.approx(place)


def test_constant_velocity_goes_round_a_circle():
    found = constant_velocity(np.array([[0.9]]), np.array([[0.25]]), 5, np.array([True]))
    assert found.ravel() == pytest.approx([0.15, 0.4, 0.65, 0.9])


def test_ornstein_uhlenbeck_has_its_mean_variance_and_correlation():
    """Far from the ends: started in the middle with a small speed, and as a circle, at any."""
    rng = np.random.default_rng(1)
    speed, noise = 0.02, rng.standard_normal((20_000, 5, 1))
    rho = np.sqrt(1 - 12 * speed**2)
    found = ornstein_uhlenbeck(np.full((20_000, 1), 0.6), noise, speed, np.array([False]))[..., 0]
    expected = [0.5 + 0.1 * rho**t for t in range(1, 6)]
    assert found.mean(0) == pytest.approx(expected, abs=5 * 0.05 / np.sqrt(20_000))
    variances = [speed**2 * sum(rho ** (2 * k) for k in range(t)) for t in range(1, 6)]
    assert found.var(0) == pytest.approx(variances, rel=0.05)
    turns = ornstein_uhlenbeck(np.zeros((20_000, 1)), noise, 0.1, np.array([True]))[..., 0]
    walk = 0.1 * noise[..., 0].cumsum(1)
    assert turns == pytest.approx(walk % 1)


def test_the_largest_speed_of_ornstein_uhlenbeck_forgets_the_frame_before():
    noise = np.random.default_rng(2).standard_normal((4, 1, 1))
    ends = [
        ornstein_uhlenbeck(np.full((4, 1), s), noise, 12**-0.5, np.array([False])) for s in (0, 1)
    ]
    assert ends[0] == pytest.approx(ends[1])


@pytest.mark.parametrize("circular", [False, True])
@pytest.mark.parametrize("speed", [0.05, 0.7])
def test_uniform_places_stay_uniform_at_constant_velocity(speed, circular):
    rng = np.random.default_rng(3)
    start, velocity = rng.random((5000, 1)), rng.uniform(-speed, speed, (5000, 1))
    places = constant_velocity(start, velocity, 6, np.array([circular]))
    assert kstest(places[:, 4, 0], "uniform").pvalue > 1e-4


def test_values_change_as_often_as_their_shares_of_the_range_are_left(rng):
    """A share of 1/n is left with chance n E|v|, at an end with half of it, and one factor must."""
    frames = sequences(Sequences(2, speed=0.1), rng, n=40_000)
    changed = (frames[:, 0, 0] != frames[:, 1, 0]).mean()
    angle = 5 * 0.05
    size = {"inside": 4 * 0.05, "at an end": 2 * 0.05}
    given = [p / (1 - (1 - p) * (1 - angle)) for p in size.values()]
    assert changed == pytest.approx(sum(given) / 2, abs=4 * 0.5 / 200)


def test_laplace_sequences_are_transitions_one_after_the_other(rng):
    n = 20_000
    frames = sequences(Sequences(3, "laplace", rate=2.0), rng, n=n, start=17)
    second = FACTORS.index(torch.from_numpy(frames[:, 1]))
    lookup = RowLookup(Grid(), torch.arange(60))
    pairs = LaplaceTransitions(2.0)(torch.full((n,), 17), lookup, np.random.default_rng(5))
    once = np.bincount(second, minlength=60)
    expected = np.bincount(pairs.partners[0].rows, minlength=60)
    common = expected > 10
    assert np.abs(once - expected)[common].max() < 6 * np.sqrt(n * 0.25) / 2
    third = FACTORS.index(torch.from_numpy(frames[:, 2]))
    again = LaplaceTransitions(2.0)(second, lookup, np.random.default_rng(6)).partners[0].rows
    twice, by_pairs = np.bincount(third, minlength=60), np.bincount(again, minlength=60)
    assert np.abs(twice - by_pairs).max() < 6 * np.sqrt(n * 0.25) / 2


def test_sprites_move_smoothly_and_are_exact(rng):
    dataset = SmoothSprites(num_points=50, side=16)
    view = Sequences(4, speed=0.02, static=["scale"])
    plan = view(torch.arange(50), RowLookup(dataset, torch.arange(50)), rng)
    batch = dataset.gather(plan)
    assert batch.frames.shape == (50, 4, 1, 16, 16)
    frames = torch.stack([batch.factors, *(p.factors for p in batch.partners)], 1)
    assert torch.equal(batch.frames[:, 3], dataset.images(frames[:, 3]))
    assert torch.equal(frames[:, :, :2], frames[:, :1, :2].expand(-1, 4, -1))
    steps = frames.diff(dim=1)[:, :, 2:]
    assert steps.abs().max() <= 0.02 + 1e-6
    inside = ((frames[:, :, 2:] > 0.1) & (frames[:, :, 2:] < 0.9)).all(1)
    assert (steps[:, 0] - steps[:, 2])[inside].abs().max() < 1e-5  # the same velocity


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_sequence_is_of_training_images_and_of_seed_and_step(motion):
    view = Sequences(3, motion)
    straight, jumping = (TinySquaresDataModule(seed=5, view=view) for _ in range(2))
    for data in (straight, jumping):
        data.setup()
    plans = [straight.epoch_batches().plan(step) for step in range(5)]
    for step in (4, 1):
        again = columns(jumping.epoch_batches().plan(step))
        assert all(
            torch.equal(column, again[name]) for name, column in columns(plans[step]).items()
        )
    rows = torch.stack([plans[0].rows, *(p.rows for p in plans[0].partners)])
    assert torch.isin(rows, straight.rows["train"]).all()


def test_a_sequence_that_training_cannot_show_is_told(rng):
    lookup = RowLookup(Grid(), torch.tensor([0, 59]))
    with pytest.raises(DataError, match=r"data\.split=null"):
        Sequences(3)(torch.tensor([0]), lookup, rng)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequences(1), "length=1"),
        (lambda: Sequences(motion="jump"), "'velocity', 'ornstein_uhlenbeck', 'laplace'"),
        (lambda: Sequences(speed=0.0), "speed=0.0"),
        (lambda: Sequences(motion="ornstein_uhlenbeck", speed=0.3), "at most 0.289"),
        (lambda: Sequences(static=[0, "angle"]).check(FACTORS, 8), "static=.0, 'angle'."),
        (lambda: Sequences(static=["hue"]).check(FACTORS, 8), "hue"),
    ],
)
def test_impossible_options_are_refused_before_any_batch(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
