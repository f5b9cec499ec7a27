"""Local MIG: boxes of factor values and what codes score inside them."""

import math

import pytest
import torch

from vaescope.metrics.information.gap import mutual_information_gap
from vaescope.metrics.information.local import local_boxes, local_mig
from vaescope.metrics.information.tables import information_table

SIZES = (3, 6, 40, 32, 32)


def test_boxes_are_as_wide_as_they_should_be():
    boxes = local_boxes(SIZES, boxes=50, points=2000, seed=1)
    assert boxes.shape == (50, 2000, 5)
    spans = boxes.amax(1) - boxes.amin(1)
    assert (spans[:, :2] == 0).all()
    assert spans.amax(0).tolist() == [0, 0, 8, 6, 6]
    assert boxes.amin() >= 0
    assert (boxes.flatten(0, 1).amax(0) < torch.tensor(SIZES)).all()
    # Every value of a box is drawn, as often as the others.
    counts = torch.bincount(boxes[0, :, 2] - boxes[0, :, 2].min()).double()
    assert counts.min() > 0.6 * counts.max()


def test_centres_differ_and_seeds_repeat():
    boxes = local_boxes(SIZES, points=10, seed=2)
    assert len(boxes[:, 0, :2].unique(dim=0)) > 5
    assert (boxes == local_boxes(SIZES, points=10, seed=2)).all()
    assert (boxes != local_boxes(SIZES, points=10, seed=3)).any()


def test_circular_factors_go_round_and_categorical_ones_stay():
    kinds = ["circular", "categorical", "ordinal"]
    boxes = local_boxes([20, 20, 20], kinds=kinds, boxes=200, points=500)
    values = [[len(column.unique()) for column in box.T] for box in boxes]
    assert {row[0] for row in values} == {5}
    assert {row[1] for row in values} == {1}
    assert {row[2] for row in values} == {3, 4, 5}
    assert any(box[:, 0].max() - box[:, 0].min() == 19 for box in boxes)


def test_all_of_a_factor_is_the_global_score():
    boxes = local_boxes([12, 12], kinds=["circular"] * 2, boxes=2, points=3000, reach=1.0)
    assert (boxes.amax(1) == 11).all()
    codes = boxes.double() @ torch.tensor([[1.0, 0.3], [0.2, 1.0]], dtype=torch.float64)
    found = local_mig(codes, boxes, bins=20)
    expected = [mutual_information_gap(c, f) for c, f in zip(codes, boxes, strict=True)]
    assert found.gaps.tolist() == pytest.approx(expected, abs=1e-12)


def test_axes_that_turn_with_the_place_are_aligned_locally_alone():
    # Left half: latents are the factors; right half: the two are exchanged.
    boxes = local_boxes([40, 40], boxes=30, points=2000, reach=0.1, seed=4)

    def code(factors):
        exchanged = factors[..., :1] + factors[..., 1:] >= 40
        return torch.where(exchanged, factors.flip(-1), factors).double()

    local = local_mig(code(boxes), boxes)
    everywhere = torch.cartesian_prod(torch.arange(40), torch.arange(40))
    assert local.score > 0.5 > mutual_information_gap(code(everywhere), everywhere)
    assert local.modularities.mean() > 0.8


def test_perfect_codes_reach_the_ceiling_of_the_bins():
    boxes = local_boxes([100, 100], boxes=5, points=20_000, reach=0.1, kinds=["circular"] * 2)
    centred = boxes - boxes[:, :1]
    codes = ((centred + 50) % 100).double()
    expected = math.log(5) / math.log(21)
    assert local_mig(codes, boxes).score == pytest.approx(expected, abs=0.02)


def test_factors_at_rest_are_left_out():
    boxes = local_boxes(SIZES, boxes=2, points=500)
    moving = local_mig(boxes.double(), boxes).gaps
    torch.testing.assert_close(moving, local_mig(boxes.double(), boxes[..., 2:]).gaps)
    assert (information_table(boxes[0].double(), boxes[0]).factor_entropies[:2] == 0).all()
    still = local_boxes([3, 6], boxes=2, points=50)
    assert local_mig(still.double(), still).score == 0


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="boxes=0"):
        local_boxes(SIZES, boxes=0)
    with pytest.raises(ValueError, match="reach=-1"):
        local_boxes(SIZES, reach=-1)
    with pytest.raises(ValueError, match="1 kinds, but 5 sizes"):
        local_boxes(SIZES, kinds=["ordinal"])
    with pytest.raises(ValueError, match=r"\[G, n, D\]"):
        local_mig(torch.rand(9, 2), torch.zeros(9, 1))
