"""Dots at continuous positions: areas, centres, and how images change with the factors."""

import math

import numpy as np
import pytest
import torch

from vaescope.data.dataset import RenderedDataset
from vaescope.data.sets.three_dots import ThreeDots, ThreeDotsDataModule, covered_shares
from vaescope.errors import ConfigError

RADIUS = 0.08 * 64  # pixels
PIXEL = torch.arange(64) + 0.5


@pytest.fixture(scope="module")
def dataset():
    return ThreeDots(num_points=3000)


def apart(values, radius=RADIUS):
    """Which rows have three whole dots that do not touch, even by the pixels at their borders."""
    centres = values.view(-1, 3, 2) * 64
    whole = ((centres > radius) & (centres < 64 - radius)).all((1, 2))
    distances = (centres - centres.roll(1, 1)).abs().amax(2)
    return whole & (distances > 2 * radius + 2).all(1)


def test_whole_dots_have_the_area_of_discs(dataset):
    batch = dataset.batch(torch.arange(3000))
    darkness = (1 - batch.image).double().sum((1, 2, 3))
    whole = apart(batch.factors)
    assert whole.sum() > 500
    assert (darkness[whole] / (3 * math.pi * RADIUS**2) - 1).abs().max() < 1e-5
    assert darkness.max() <= 3 * math.pi * RADIUS**2 * (1 + 1e-5)
    assert batch.image.shape == (3000, 1, 64, 64)
    assert (batch.image.min(), batch.image.max()) == (0, 1)


def test_dots_are_where_their_factors_say(dataset):
    values = dataset.values(torch.arange(3000))
    values = values[apart(values)]
    darkness = 1 - dataset.images(values)[:, 0].double()
    for dot in range(3):
        x, y = (values[:, 2 * dot + axis].double() * 64 for axis in (0, 1))
        reach = RADIUS + 1
        columns, rows = ((PIXEL - c[:, None]).abs() < reach for c in (x, y))
        own = darkness * (rows[:, :, None] & columns[:, None, :])
        area = own.sum((1, 2))
        assert ((own.sum(1) * PIXEL).sum(1) / area - x).abs().max() < 0.02
        assert ((own.sum(2) * PIXEL).sum(1) / area - y).abs().max() < 0.02


@pytest.mark.parametrize("radius", [0.3, 0.5, 2.0, 5.12, 9.7, 32.0])
def test_covered_shares_are_areas(radius):
    """Against 50 x 50 points in every pixel, for discs inside, on pixels' borders and cut off."""
    centres = [[20.3, 31.7], [40, 40], [30.5, 30.5], [0, 0], [63.9, 1.2], [64, 32.1]]
    shares = covered_shares(torch.tensor(centres), radius)
    point = (np.arange(64 * 50) + 0.5) / 50
    for (x, y), share in zip(np.float32(centres).astype(float), shares.numpy(), strict=True):
        inside = (point[:, None] - y) ** 2 + (point - x) ** 2 < radius**2
        counted = inside.reshape(64, 50, 64, 50).mean((1, 3))
        np.testing.assert_allclose(share, counted, rtol=0, atol=0.01)
        assert abs(share.sum() - counted.sum()) < 0.005 * counted.sum() + 0.01
    assert ((shares >= 0) & (shares <= 1)).all()  # nor any nan


@pytest.mark.parametrize("radius", np.random.default_rng(3).uniform(0.01, 0.5, 20).tolist())
def test_no_radius_gives_a_number_that_is_none(radius):
    image = ThreeDots(num_points=4, radius=radius).batch(torch.arange(4)).image
    assert image.isfinite().all()


def test_dots_that_coincide_hide_each_other(dataset):
    three = dataset.images(torch.tensor([[0.3, 0.4] * 3]))
    covered = covered_shares(torch.tensor([0.3 * 64, 0.4 * 64]), RADIUS)
    torch.testing.assert_close(three[0, 0], (1 - covered) ** 3, rtol=0, atol=1e-6)
    assert torch.equal(three[0, 0] == 0, covered == 1)


def test_dots_are_cut_off_at_the_border(dataset):
    cut = torch.tensor([[0.0, 0.5, 0.5, 1.0, 1.0, 0.0]])
    darkness = (1 - dataset.images(cut)).sum().item()
    assert darkness == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) * math.pi * RADIUS**2, rel=1e-5)


def test_each_dot_is_like_the_others(dataset):
    values = dataset.values(torch.arange(100))
    turned = dataset.images(values.roll(2, 1))
    torch.testing.assert_close(turned, dataset.images(values), rtol=0, atol=2e-5)
    flipped = dataset.images(values.view(-1, 3, 2).flip(2).reshape(-1, 6))  # x <-> y
    torch.testing.assert_close(flipped.transpose(2, 3), turned, rtol=0, atol=2e-5)


def slopes(dataset, factor, step):
    """Images along a way of 200 ``step`` pixels of one factor: differences per pixel `[200, P]`."""
    values = torch.tensor([[0.2, 0.2, 0.5, 0.8, 0.8, 0.3]]).repeat(201, 1)
    values[:, factor] += torch.linspace(-100, 100, 201) * step / 64
    return dataset.images(values).double().flatten(1).diff(dim=0) / step


@pytest.mark.parametrize("factor", range(6))
def test_images_change_smoothly_with_every_factor(dataset, factor):
    coarse, fine = slopes(dataset, factor, 1 / 64), slopes(dataset, factor, 1 / 1024)
    # a shift by d covers 2 r d of new area and uncovers as much
    for slope in (coarse, fine):
        assert (slope.abs().sum(1) / (4 * RADIUS) - 1).abs().max() < 0.01
    # at a pixel that the dot begins to cover the slope rises as a square root: steep, no jump
    bends = [slope.diff(dim=0).abs().max() for slope in (coarse, fine)]
    assert bends[0] < 1.2 * 2 * (2 * RADIUS / 64) ** 0.5
    assert bends[1] < 1.2 * 2 * (2 * RADIUS / 1024) ** 0.5


def test_only_the_dots_own_factors_move_it(dataset):
    values = torch.tensor([[0.2, 0.2, 0.5, 0.8, 0.8, 0.3]]).repeat(2, 1)
    values[1, 3] -= 0.1
    moved = (dataset.images(values).diff(dim=0)[0, 0] != 0).nonzero()
    assert (moved[:, 1] - 32).abs().max() <= RADIUS + 1
    assert moved[:, 0].min() > 0.7 * 64 - RADIUS - 2


def test_positions_are_drawn_once_and_uniform(dataset):
    values = dataset.values(torch.arange(3000))
    assert values.shape == (3000, 6)
    assert torch.equal(values, ThreeDots(num_points=3000).values(torch.arange(3000)))
    assert not torch.equal(
        values, ThreeDots(num_points=3000, data_seed=1).values(torch.arange(3000))
    )
    assert (values.mean(0) - 0.5).abs().max() < 4 * (1 / 12 / 3000) ** 0.5
    assert np.abs(np.corrcoef(values.T.numpy()) - np.eye(6)).max() < 4 / 3000**0.5
    assert isinstance(dataset, RenderedDataset)
    assert not dataset.has_nuisance


def test_the_module_serves_them():
    module = ThreeDotsDataModule(num_points=100, data_seed=3, batch_size=8)
    assert module.factors.has_continuous
    assert module.image_shape == (1, 64, 64)
    module.setup()
    batch = next(iter(module.train_dataloader()))
    assert torch.equal(batch.image, module.dataset.images(batch.factors))
    expected = ThreeDots(num_points=100, data_seed=3).values(batch.rows)
    assert torch.equal(batch.factors, expected)


@pytest.mark.parametrize(
    "arguments", [{"radius": 0}, {"radius": 0.6}, {"num_points": 0}, {"data_seed": -1}]
)
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        ThreeDots(**arguments)
