"""Factor Jacobians of images that are known functions of their factors."""

import math

import numpy as np
import pytest
import torch

from vaescope.data import Factors
from vaescope.data.factor_jacobian import gram_over_ball, neighbours, slopes_of, step_of

FACTORS = Factors(
    names=("place", "angle", "kind", "level"),
    sizes=(21, 16, 3, 0),
    kinds=("ordinal", "circular", "categorical", "continuous"),
)
POINTS = torch.tensor([[10.0, 0.0, 1.0, 0.5], [0.0, 15.0, 2.0, 0.25], [20.0, 7.0, 0.0, 0.75]])


def rng():
    return np.random.default_rng(0)


def test_next_values_lie_one_step_away_and_edges_are_kept():
    found = neighbours(FACTORS, POINTS, 0, 0, rng())
    assert found.values.shape == found.shifts.shape == (3, 8, 4)
    place, angle = found.values[..., 0], found.values[..., 1]
    assert place[:, [0, 4]].tolist() == [[11, 9], [1, 0], [20, 19]]
    assert angle[:, [1, 5]].tolist() == [[1, 15], [0, 14], [8, 6]]
    step = math.sqrt(12 / (21**2 - 1))
    assert found.shifts[:, [0, 4], 0].tolist() == [
        [pytest.approx(step), pytest.approx(-step)],
        [pytest.approx(step), 0],
        [0, pytest.approx(-step)],
    ]
    others = [1, 2, 3]  # of the place's neighbours
    assert (found.shifts[:, 0, others] == 0).all()


def test_standard_deviations_are_those_of_uniform_factors():
    for size in (2, 3, 40):
        assert step_of(size, "ordinal") == pytest.approx(1 / np.std(np.arange(size)))


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
def test_ball_has_its_width_and_stays_inside(scale):
    factors = Factors(("a", "b"), (1001, 0), ("ordinal", "continuous"))
    found = neighbours(factors, torch.tensor([[500.0, 0.5]]), scale, 4000, rng())
    inside = math.erf(math.sqrt(3) / scale / math.sqrt(2))  # of draws, along each factor
    assert ((found.values[..., 1] >= 0) & (found.values[..., 1] <= 1)).all()
    moved = (found.shifts != 0).double().mean(1)[0]
    assert moved.tolist() == pytest.approx([inside, inside], abs=0.03)
    if scale < 0.5:
        assert found.shifts.std(1)[0].tolist() == pytest.approx([scale, scale], rel=0.05)
    assert torch.allclose(found.shifts[:, :2000], -found.shifts[:, 2000:], atol=1e-6) or scale == 1


def linear(values, mix):
    """Images linear in the standardised factors."""
    sizes = torch.tensor([21.0, 16.0, 3.0, 0.0])
    spread = torch.where(sizes > 0, ((sizes**2 - 1) / 12).sqrt(), 12**-0.5)
    return (values.double() / spread) @ mix


def test_slopes_of_linear_images_are_exact():
    factors = Factors(("a", "b"), (21, 0), ("ordinal", "continuous"))
    mix = torch.randn(2, 6, dtype=torch.float64)
    spread = torch.tensor([math.sqrt((21**2 - 1) / 12), 12**-0.5], dtype=torch.float64)
    points = torch.tensor([[10.0, 0.5], [0.0, 0.01]])
    for scale in (0, 0.05, 0.5):
        found = neighbours(factors, points, scale, 16, rng())
        images = (found.values.double() / spread) @ mix
        centre = (points.double() / spread) @ mix
        # float32 values of a continuous factor carry 1e-7 of rounding, over steps of 0.02
        assert torch.allclose(
            slopes_of(images, found.shifts, centre), mix.expand(2, -1, -1), atol=2e-5
        )
        assert torch.allclose(slopes_of(images, found.shifts), mix.expand(2, -1, -1), atol=2e-5)


def test_slope_of_classes_has_the_variance_between_them():
    factors = Factors(("kind",), (3,), ("categorical",))
    found = neighbours(factors, torch.tensor([[1]]), 0, 0, rng())
    images = torch.nn.functional.one_hot(found.values[..., 0], 3).double()
    centre = torch.tensor([[0.0, 1.0, 0.0]]).double()
    norm = slopes_of(images, found.shifts, centre).square().sum(-1)
    assert float(norm) == pytest.approx(3 * 1 / 3 * 2 / 3)  # of three indicators


def test_slope_of_two_classes_is_that_of_two_places_from_either_side():
    for kind in ("categorical", "ordinal"):
        factors = Factors(("kind",), (2,), (kind,))
        found = neighbours(factors, torch.tensor([[0], [1]]), 0, 0, rng())
        images = torch.stack([found.values[..., 0] * 3.0], -1).double()
        centre = torch.tensor([[0.0], [3.0]]).double()
        slope = slopes_of(images, found.shifts, centre)
        assert slope.flatten().tolist() == pytest.approx([1.5, 1.5]), kind  # std of 0 and 3


def test_gram_over_a_ball_is_unbiased_by_curvature():
    """x = (w_1, w_2, 3 (w_1^2 - 1)): the even third pixel must not look like a slope at 0."""
    factors = Factors(("a", "b"), (0, 0), ("continuous", "continuous"))
    points = torch.full((400, 2), 0.5)
    found = neighbours(factors, points, 0.3, 64, rng())
    w = found.shifts
    images = torch.stack([w[..., 0], w[..., 1], 3 * (w[..., 0] ** 2 - 1)], dim=-1)
    gram = gram_over_ball(images, w, 2.0).mean(0)
    assert gram.tolist() == [
        [pytest.approx(2, abs=0.02), pytest.approx(0, abs=0.02)],
        [pytest.approx(0, abs=0.02), pytest.approx(2, abs=0.02)],
    ]
    weight = torch.tensor([1.0, 3.0, 5.0]).expand(400, -1)
    assert gram_over_ball(images, w, weight)[:, 1, 1].mean() == pytest.approx(3, abs=0.03)
