"""Local MIG: the mutual information gap in small boxes of factor values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.information.scores import mig, modularity
from vaescope.metrics.information.tables import information_table
from vaescope.tensor_checks import misfit


@dataclass(frozen=True)
class LocalGaps:
    """Scores inside boxes of factor values."""

    score: float  # mean of `gaps`, 0 to 1; high is good
    gaps: Tensor  # mutual information gap of each box [G]
    modularities: Tensor  # modularity of each box [G], 0 to 1; high is good


def local_boxes(
    sizes: Sequence[int],
    *,
    kinds: Sequence[str] | None = None,
    boxes: int = 20,
    points: int = 10_000,
    reach: float = 0.1,
    least: int = 10,
    seed: int = 0,
) -> Tensor:
    """Combinations of factor values in boxes around random centres [G, n, K], int64.

    Args:
        sizes: number of values of each factor [K].
        kinds: kind of each factor [K]. Boxes go round the end of ``"circular"`` factors and are
            a single value of ``"categorical"`` ones. None: as if all were ordinal.
        boxes: number of boxes G.
        points: combinations drawn in each box n, with repetition.
        reach: half the width of a box as a share of a factor's number of values, rounded down.
        least: factors with fewer values keep the centre's.
        seed: of centres and combinations.

    Source: Rhodes & Lee 2021, "Local Disentanglement in VAEs", https://arxiv.org/abs/2106.02923,
    and its public code. Differs: circular factors go round, there they are cut off at the ends.

    Example:
        >>> local_boxes([40, 40], boxes=2, points=3).shape
        torch.Size([2, 3, 2])
    """
    if min((*sizes, boxes, points), default=0) < 1 or reach < 0:
        raise ValueError(f"sizes={tuple(sizes)}, boxes={boxes}, points={points}, reach={reach}")
    kinds = kinds or ["ordinal"] * len(sizes)
    if len(kinds) != len(sizes):
        raise ValueError(f"{len(kinds)} kinds, but {len(sizes)} sizes: give one for each")
    generator = torch.Generator().manual_seed(seed)
    columns = []
    for size, kind in zip(sizes, kinds, strict=True):
        moves = size >= least and kind != "categorical"
        half = math.floor(reach * size) if moves else 0
        centre = torch.randint(size, (boxes, 1), generator=generator)
        if kind == "circular":
            low, width = centre - half, torch.tensor(min(2 * half + 1, size))
        else:
            low = (centre - half).clamp(min=0)
            width = (centre + half).clamp(max=size - 1) - low + 1
        places = torch.rand(boxes, points, generator=generator, dtype=torch.float64)
        columns.append((low + (places * width).long()) % size)
    return torch.stack(columns, -1)


def local_mig(codes: Tensor, factors: Tensor, *, bins: int = 5) -> LocalGaps:
    """Mutual information gap inside boxes of factor values, 0 to 1 (axes aligned; good).

    Args:
        codes: one number per latent of the points of every box [G, n, D].
        factors: their factor values [G, n, K], of `local_boxes`.
        bins: equal-width bins over each latent's range inside a box.

    Returns:
        Mean and boxes. Factors with one value in a box do not count there.

    Source: Rhodes & Lee 2021, https://arxiv.org/abs/2106.02923, with 5 bins as in its public code.
    Differs: factors with one value are left out. Ceiling: log(bins) over the logarithm of a box's
    number of values, where that is larger.

    Example:
        >>> factors = local_boxes([40, 40], boxes=2, points=500)
        >>> round(local_mig(factors.double(), factors).score, 1)
        0.8
    """
    if codes.ndim != 3 or factors.ndim != 3 or codes.shape[:2] != factors.shape[:2]:
        raise misfit("[G, n, D] and [G, n, K]", codes=codes, factors=factors)
    tables = [information_table(*box, bins=bins) for box in zip(codes, factors, strict=True)]
    gaps = torch.stack([mig(table).score for table in tables])
    return LocalGaps(
        float(gaps.mean()), gaps, torch.stack([modularity(table).score for table in tables])
    )
