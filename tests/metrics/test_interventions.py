"""Draws from a pool: who may be drawn, how often, and what shares a value with whom."""

import pytest
import torch

from vaescope.metrics.intervention.factor_groups import (
    group_rows,
    uniforms_of_seed,
    value_classes,
)

LABELS = torch.tensor([[0, 5], [1, 5], [0, 6], [2, 5], [1, 7], [0, 7], [2, 5]])


def uniform(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def test_anchors_are_all_rows_that_share_their_value_equally_often():
    groups = group_rows(LABELS)
    drawn = groups.draw_anchors(torch.tensor(1), uniform(60_000))
    shares = torch.bincount(drawn, minlength=7) / 60_000
    # Value 6 of the second column is row 2's alone.
    torch.testing.assert_close(shares, torch.tensor([1, 1, 0, 1, 1, 1, 1]) / 6, atol=0.01, rtol=0)


def test_partners_are_all_rows_with_the_anchors_value_equally_often():
    groups = group_rows(LABELS)
    drawn = groups.draw_partners(torch.tensor(1), torch.tensor(3), uniform(60_000))
    shares = torch.bincount(drawn, minlength=7) / 60_000
    torch.testing.assert_close(shares, torch.tensor([1, 1, 0, 1, 0, 0, 1]) / 4, atol=0.01, rtol=0)


def test_draws_of_several_columns_at_once_keep_to_their_column():
    groups = group_rows(LABELS)
    which = torch.tensor([0, 1])[:, None]
    anchors = groups.draw_anchors(which, uniform(2, 500))
    partners = groups.draw_partners(which, anchors, uniform(2, 500).flip(1))
    for column in (0, 1):
        pair = LABELS[anchors[column], column], LABELS[partners[column], column]
        assert torch.equal(*pair)
        assert len(pair[0].unique()) == (3, 2)[column]


def test_the_largest_random_number_stays_inside():
    groups = group_rows(LABELS)
    last = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
    anchor = groups.draw_anchors(torch.tensor(0), last)
    assert LABELS[groups.draw_partners(torch.tensor(0), anchor, last), 0] == LABELS[anchor, 0]


def test_continuous_factors_are_cut_into_bins_of_equal_counts():
    values = uniform(1_000, 1).exp() ** 3
    classes = value_classes(values, bins=8)
    assert torch.bincount(classes[:, 0]).tolist() == [125] * 8
    order = values[:, 0].argsort()
    assert bool((classes[order, 0].diff() >= 0).all())


def test_equal_values_stay_in_one_bin():
    values = torch.tensor([1.0] * 50 + [2.0, 3.0, 4.0] * 10)[:, None]
    classes = value_classes(values, bins=4)
    assert all(len(classes[values == value].unique()) == 1 for value in (1, 2, 3, 4))


def test_kinds_decide_about_whole_numbers_in_a_floating_point_tensor():
    values = torch.stack([torch.arange(100) % 50, torch.arange(100) % 30], 1).double()
    kinds = ["categorical", "continuous"]
    assert (value_classes(values, kinds=kinds, bins=5).amax(0) + 1).tolist() == [50, 5]
    assert (value_classes(values.long(), bins=5).amax(0) + 1).tolist() == [50, 30]


@pytest.mark.parametrize(
    ("factors", "options", "message"),
    [
        (torch.zeros(3), {}, "matrix"),
        (torch.full((3, 1), float("nan")), {}, "NaN"),
        (torch.zeros(3, 1), {"bins": 1}, "bins = 1"),
        (torch.zeros(3, 2), {"kinds": ["ordinal"]}, "one for each"),
        (torch.zeros(3, 1), {"kinds": ["nominal"]}, "categorical"),
    ],
)
def test_what_cannot_be_classes_is_refused(factors, options, message):
    with pytest.raises(ValueError, match=message):
        value_classes(factors, **options)


def test_numbers_of_a_seed_are_those_of_its_generator_however_often_they_are_wanted():
    shapes, cpu = ((5,), (2, 3)), torch.device("cpu")
    generator = torch.Generator().manual_seed(7)
    wanted = [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    with torch.inference_mode():
        first = uniforms_of_seed(7, shapes, cpu)
    for found in (first, uniforms_of_seed(7, shapes, cpu)):
        assert all(map(torch.equal, found, wanted))
    assert not first[0].is_inference()
    assert not torch.equal(uniforms_of_seed(8, shapes, cpu)[0], wanted[0])
