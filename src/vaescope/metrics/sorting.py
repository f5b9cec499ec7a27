"""Sorting by numpy, several times as fast as torch's on a CPU; the answers are the same."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor


def stable_order(labels: Tensor) -> Tensor:
    """Order of whole numbers from 0 up along the last dimension, int64; equal ones stay in order.

    Numbers of 16 bits are sorted by radix, in time linear in their number.
    """
    small = labels.numel() == 0 or int(labels.amax()) < 2**15
    given = labels.short() if small else labels
    order = np.argsort(given.cpu().numpy(), axis=-1, kind="stable")
    return torch.from_numpy(order).to(labels.device)


def sort_runs(values: Tensor, counts: Tensor) -> Tensor:
    """Rows [D, N] of which each run of so many columns is sorted on its own; counts sum to N."""
    runs = np.array(values.cpu().numpy(), order="C")
    ends = counts.cumsum(0).tolist()
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        runs[:, begin:end].sort(axis=1)
    return torch.from_numpy(runs).to(values.device)


def ascending(values: Tensor) -> tuple[Tensor, Tensor]:
    """Values in ascending order along the last dimension, and their places; of equals any order."""
    if values.is_cuda:
        return values.sort(-1)
    order = torch.from_numpy(np.argsort(values.numpy(), axis=-1))
    return values.gather(-1, order), order


def places_in(ordered: Tensor, values: Tensor, right: bool = False) -> Tensor:
    """Where in rows in ascending order [D, N] values [D, M] belong, as `torch.searchsorted` says.

    Values that are nearly in order are found in half of its time.
    """
    if ordered.is_cuda:
        return torch.searchsorted(ordered, values, right=right)
    side: Literal["left", "right"] = "right" if right else "left"
    pairs = zip(ordered.numpy(), values.numpy(), strict=True)
    return torch.from_numpy(np.stack([np.searchsorted(row, own, side) for row, own in pairs]))
