"""Smooth sprites: areas and places by hand, derivatives beside finite differences."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from vaescope.data import SmoothSprites
from vaescope.data.factor_jacobian import slopes_of, with_exact_slopes
from vaescope.data.surroundings import surroundings_of
from vaescope.errors import ConfigError

MIDDLE = torch.tensor([[0.0, 0.5, 0.3, 0.5, 0.5]], dtype=torch.float64)


@pytest.fixture(scope="module")
def sprites():
    return SmoothSprites(num_points=40, side=48, num_shapes=5, edge=0.7)


def test_the_first_shape_is_a_disc_of_known_size_and_place(sprites):
    values = MIDDLE.repeat(3, 1)
    values[1, 1], values[2, 3] = 1.0, 0.0  # larger, farther left
    areas, (middle, _, left) = sprites.images(values).sum((1, 2, 3)), sprites.images(values)
    # the logistic edge adds (pi edge)^2 / 3 to R^2; the smooth centre takes edge^2 from it
    square = 0.7**2 * (math.pi**2 / 3 - 1)
    for area, share in zip(areas.tolist(), (0.12, 0.16, 0.12), strict=True):
        assert area == pytest.approx(math.pi * ((share * 48) ** 2 + square), rel=1e-3)
    x = torch.arange(48).double() + 0.5
    for image, place in ((middle, 0.5), (left, 0.3)):
        assert float((image.sum((0, 1)) * x).sum() / image.sum()) == pytest.approx(48 * place)


def test_a_disc_does_not_turn_and_other_shapes_do(sprites):
    values = MIDDLE.repeat(4, 1)
    values[2:, 0], values[1::2, 2] = 3, 0.9
    disc, turned, shape, shape_turned = sprites.images(values)
    torch.testing.assert_close(disc, turned)
    assert float((shape - shape_turned).abs().max()) > 0.5


def test_a_quarter_turn_is_that_of_the_pixels(sprites):
    values = MIDDLE.repeat(2, 1)
    values[:, 0], values[0, 2], values[1, 2] = 2, 0.0, 1.0  # 90 degrees
    start, end = sprites.images(values)
    torch.testing.assert_close(end, torch.rot90(start, -1, (1, 2)))  # y points down


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_derivatives_are_those_of_finite_differences(sprites, factor):
    rng = torch.Generator().manual_seed(0)
    values = torch.rand((6, 5), generator=rng, dtype=torch.float64)
    values[:, 0] = torch.arange(6) % 5
    along = torch.zeros_like(values)
    along[:, factor] = 1
    exact = torch.func.jvp(sprites.images, (values,), (along,))[1]
    errors = []
    for step in (1e-3, 1e-4, 1e-5):
        two = sprites.images(values + step * along) - sprites.images(values - step * along)
        errors.append(float((two / (2 * step) - exact).abs().max()))
    assert errors[-1] < 1e-6 * float(exact.abs().max())
    assert all(second < first / 50 for first, second in pairwise(errors))  # of second order


def test_there_are_no_gaps_at_the_centre_of_a_shape():
    sprites = SmoothSprites(num_points=4, side=17, num_shapes=2)  # a pixel lies on the centre
    values = MIDDLE.float().repeat(2, 1)
    values[1, 0] = 1
    found = torch.func.jvp(sprites.images, (values,), (torch.ones_like(values),))[1]
    assert bool(found.isfinite().all())
    assert sprites.images(values)[:, 0, 8, 8].tolist() == pytest.approx([1, 1], abs=0.1)


def test_the_diagnosis_is_given_exact_slopes(sprites):
    rows, columns = torch.arange(8), [0, 1, 2, 3, 4]
    near = surroundings_of(sprites, columns).around(rows, 0.0, 0, np.random.default_rng(0))
    centre = sprites.images_at(rows, rows).flatten(1)
    rough = slopes_of(near.images.flatten(2), near.shifts, centre)
    found = with_exact_slopes(rough, sprites, rows, columns)
    assert torch.equal(found[:, 0], rough[:, 0])  # classes have no derivative
    for k in (1, 2, 3, 4):
        away = float((found[:, k] - rough[:, k]).norm() / found[:, k].norm())
        assert 0 < away < 0.05


def test_shapes_are_as_many_as_one_asks_for_and_differ():
    sprites = SmoothSprites(num_points=4, side=32, num_shapes=40)
    values = MIDDLE.float().repeat(40, 1)
    values[:, 0] = torch.arange(40)
    images = sprites.images(values).flatten(1)
    apart = torch.cdist(images, images) + 9 * torch.eye(40)
    assert float(apart.min()) > 0.2
    border = torch.nn.functional.pad(torch.zeros(30, 30), (1, 1, 1, 1), value=1.0).bool()
    far = torch.tensor([[7, 1, 0.2, 0, 0], [7, 1, 0.9, 1, 1]])
    assert float(sprites.images(far)[:, 0, border].max()) < 0.2


@pytest.mark.parametrize("options", [{"side": 8}, {"num_shapes": 0}, {"edge": 0}, {"turn": 360}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        SmoothSprites(**options)
