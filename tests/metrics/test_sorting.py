"""Sorting by numpy: the same order as torch's stable sort, runs on their own."""

import pytest
import torch

from vaescope.metrics.sorting import ascending, places_in, sort_runs, stable_order


@pytest.mark.parametrize("most", [3, 2**15 - 1, 2**15, 2**40])
def test_equal_numbers_stay_in_order(most):
    labels = torch.randint(most + 1, (4, 300), generator=torch.Generator().manual_seed(0))
    labels[:, 7] = most
    assert torch.equal(stable_order(labels), labels.argsort(dim=1, stable=True))


def test_runs_are_sorted_alone_and_the_input_stays():
    values = torch.rand(3, 10, dtype=torch.float64)
    before, counts = values.clone(), torch.tensor([4, 0, 1, 5])
    found = sort_runs(values, counts)
    assert torch.equal(values, before)
    for own, run in zip(*(part.split(counts.tolist(), 1) for part in (before, found)), strict=True):
        assert torch.equal(own.sort(1).values, run)


def test_values_ascend_with_their_places():
    values = torch.randn(3, 200, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    found, places = ascending(values)
    assert torch.equal(found, values.sort(dim=1).values)
    assert torch.equal(values.gather(1, places), found)


@pytest.mark.parametrize("right", [False, True])
def test_values_belong_where_torch_says(right):
    values = torch.randn(3, 200, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    ordered, wanted = values.sort(dim=1).values, torch.cat([values, values + 0.05], 1)
    found = places_in(ordered, wanted, right=right)
    assert torch.equal(found, torch.searchsorted(ordered, wanted, right=right))
