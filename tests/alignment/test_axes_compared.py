"""Local axes at many points, and spans of columns: closed forms and what may not matter."""

import math

import pytest
import torch

from vaescope.alignment import axis_consistency, span_cosines

STRENGTHS = torch.tensor([9.0, 4.0, 1.0], dtype=torch.float64)


def turn(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)


def grams(*each):
    return torch.stack([axes @ torch.diag(strengths) @ axes.T for axes, strengths in each])


def test_the_same_axes_everywhere():
    found = axis_consistency(grams(*[(turn(20), STRENGTHS)] * 5))
    assert (found.direction, found.order) == (pytest.approx(1), 1)
    scaled = axis_consistency(grams(*[(turn(20), k * STRENGTHS) for k in (1, 5, 100)]))
    assert (scaled.direction, scaled.order) == (pytest.approx(1), 1)


def test_another_order_of_the_same_axes():
    found = axis_consistency(grams((turn(0), STRENGTHS), (turn(0), STRENGTHS[[1, 0, 2]])))
    assert found.direction == pytest.approx(1)
    assert found.order == pytest.approx(0.5)  # Spearman of 2, 1, 3
    assert axis_consistency(grams((turn(0), STRENGTHS), (turn(0), STRENGTHS.flip(0)))).order == -1


def test_two_of_three_axes_turned():
    found = axis_consistency(grams((turn(0), STRENGTHS), (turn(30), STRENGTHS)))
    assert found.direction == pytest.approx((1 + 2 * math.cos(math.radians(30))) / 3)
    assert found.order == 1


def test_random_axes_have_the_direction_of_chance_and_no_order():
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn((600, 3, 3), generator=generator, dtype=torch.float64)
    found = axis_consistency(grams(*[(q, STRENGTHS) for q in torch.linalg.qr(normal).Q]))
    assert found.direction == pytest.approx(found.direction_chance, abs=0.02)
    assert abs(found.order) < 0.1


def test_spans_do_not_see_maps_of_their_columns():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn((2, 4, 6, 3), generator=generator, dtype=torch.float64)
    mixed = second[:, :, :2] @ torch.randn((4, 2, 2), generator=generator, dtype=torch.float64)
    found = span_cosines(first, second[:, :, :2])
    torch.testing.assert_close(span_cosines(first, mixed), found)
    torch.testing.assert_close(span_cosines(mixed, first), found)
    torch.testing.assert_close(span_cosines(first, first), torch.ones(4, 3).double())


def test_what_a_span_lacks_has_cosine_0():
    x, y, z = torch.eye(3)
    plane = torch.stack([x, y], 1)[None]
    line = torch.stack([x + z, 2 * (x + z)], 1)[None]  # two columns, one direction
    expected = torch.tensor([[math.sqrt(0.5), 0]]).double()
    torch.testing.assert_close(span_cosines(plane, line), expected)
    torch.testing.assert_close(span_cosines(plane, 0 * plane), torch.zeros(1, 2).double())


@pytest.mark.parametrize("gram", [torch.ones(1, 2, 2), torch.ones(3, 1, 1), torch.ones(3, 2, 1)])
def test_refusals(gram):
    with pytest.raises(ValueError, match="gram"):
        axis_consistency(gram)
    with pytest.raises(ValueError, match="first"):
        span_cosines(torch.ones(2, 3, 1), torch.ones(2, 4, 1))
