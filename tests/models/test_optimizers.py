"""Fused kernels only where torch has them."""

from functools import partial

import pytest
import torch

from vaescope.models.optimizers import optimizer_for

FUSED = [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad]


def weights(device):
    return [torch.nn.Parameter(torch.ones(2, 3, device=device)) for _ in range(2)]


@pytest.mark.parametrize("kind", FUSED)
def test_a_device_without_the_kernel_gets_the_plain_optimiser(kind):
    """``meta`` stands for any device that torch has no fused kernel for, as CUDA for Adagrad."""
    optimizer = optimizer_for(partial(kind, lr=0.5, fused=True), weights("meta"))
    assert [group["fused"] for group in optimizer.param_groups] == [False]
    assert optimizer.param_groups[0]["lr"] == 0.5
    for weight in optimizer.param_groups[0]["params"]:
        weight.grad = torch.ones_like(weight)
    optimizer.step()  # does not raise


@pytest.mark.parametrize("kind", FUSED)
def test_the_cpu_has_them_and_keeps_its_settings(kind):
    groups = [
        {"params": [weight], "lr": lr} for weight, lr in zip(weights("cpu"), (1, 2), strict=True)
    ]
    optimizer = optimizer_for(partial(kind, lr=0.5, fused=True), groups)
    assert [(group["lr"], group["fused"]) for group in optimizer.param_groups] == [
        (1, True),
        (2, True),
    ]
    assert not optimizer.state or kind is torch.optim.Adagrad  # nothing was updated


def test_what_is_not_fused_is_left_alone():
    made = []

    def make(parameters):
        made.append(torch.optim.RMSprop(parameters))
        return made[-1]

    assert optimizer_for(make, iter(weights("cpu"))) is made[0]
    assert len(made) == 1
    assert len(made[0].param_groups[0]["params"]) == 2


def test_a_wrong_setting_is_not_taken_for_a_missing_kernel():
    with pytest.raises(ValueError, match="learning rate"):
        optimizer_for(partial(torch.optim.Adam, lr=-1.0, fused=True), weights("cpu"))
