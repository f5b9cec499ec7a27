"""Ranks of values, equal ones at their mean rank."""

import torch
from torch import Tensor


def mean_ranks(values: Tensor, dim: int) -> Tensor:
    """Ranks of values along one dimension, 1 for the least, as float64 of the same shape.

    scipy.stats.rankdata has the same; importing it takes longer than a short run's updates.

    Example:
        >>> mean_ranks(torch.tensor([3.0, 1.0, 3.0]), 0).tolist()
        [2.5, 1.0, 2.5]
    """
    lines = values.movedim(dim, -1).contiguous()
    ordered = lines.sort(-1).values
    below = torch.searchsorted(ordered, lines)
    not_above = torch.searchsorted(ordered, lines, right=True)
    return ((below + not_above + 1).double() / 2).movedim(-1, dim)
