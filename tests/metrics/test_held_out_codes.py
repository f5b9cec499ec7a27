"""Codes collected once, scored many times."""

import pytest
import torch
from torchmetrics import MetricCollection

from vaescope.metrics import CollectedCodes, OnCodes, mutual_information_gap


def batches():
    generator = torch.Generator().manual_seed(0)
    sizes = [7, 1, 12]
    return [
        (torch.randn(n, 3, generator=generator), torch.randint(4, (n, 2), generator=generator))
        for n in sizes
    ]


def test_batches_come_back_as_one():
    metric = CollectedCodes()
    for codes, factors in batches():
        metric.update(codes.requires_grad_(), factors)
    codes, factors = metric.compute()
    torch.testing.assert_close(codes, torch.cat([c for c, _ in batches()]))
    torch.testing.assert_close(factors, torch.cat([f for _, f in batches()]))
    assert not codes.requires_grad
    metric.reset()
    assert metric.codes == []


def test_several_scores_share_one_copy_of_the_codes():
    def sizes(codes, factors):
        return {"samples": float(len(codes)), "factors": float(factors.shape[1])}

    scores = MetricCollection({"mig": OnCodes(mutual_information_gap), "sizes": OnCodes(sizes)})
    for codes, factors in batches():
        scores.update(codes, factors)
    assert len(scores.compute_groups) == 1
    found = scores.compute()
    codes, factors = (torch.cat(parts) for parts in zip(*batches(), strict=True))
    assert found["mig"] == mutual_information_gap(codes, factors)
    assert {found["samples"], found["factors"]} == {20.0, 2.0}
    first, second = scores.values(copy_state=False)
    assert first.codes is second.codes


def test_unequal_rows_are_refused():
    with pytest.raises(ValueError, match=r"\[n, D\] and \[n, K\]"):
        CollectedCodes().update(torch.zeros(3, 2), torch.zeros(4, 2))
