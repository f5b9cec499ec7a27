"""Fused optimiser kernels where the device has them, the plain ones where it has not."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer


def optimizer_for(make: Callable[..., Optimizer], parameters: Iterable[Any]) -> Optimizer:
    """The optimiser of these weights; not fused where torch has no such kernel for their device.

    torch finds that out at the first update only (fused Adagrad runs on a CPU, but not on CUDA),
    so that an update of one zero is tried first.

    Args:
        make: the optimiser's class with its settings, as ``optimizer=...`` gives it.
        parameters: weights, or groups of them, on the device that trains.
    """
    groups = list(parameters)
    optimizer = make(groups)
    if fused := [group for group in optimizer.param_groups if group.get("fused")]:
        zero = torch.nn.Parameter(fused[0]["params"][0].new_zeros(1))
        zero.grad = torch.zeros_like(zero)
        try:
            make([zero]).step()
        except RuntimeError:
            return make(groups, fused=False)
    return optimizer
