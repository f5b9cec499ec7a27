"""Closed-form modification: fixed patterns whose strength is a rotated factor, or a factor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor, nn

from vaescope.data.factors import Factors
from vaescope.modification.game import Direction
from vaescope.modification.references import standardise
from vaescope.ranges import Pixels, Seed, check_fields


class PatternSum(nn.Module):
    """m(w) = sum_k u_k s_k: directions of factor space, scaled to [-1, 1], times their patterns.

    Args:
        directions: of the u_k [M, K], so that u = directions w lies in [-1, 1] on all factors.
        patterns: s_k [M, *image_shape] of -1, 0 and 1, none of which overlap.
    """

    directions: Tensor
    patterns: Tensor

    def __init__(self, directions: Tensor, patterns: Tensor) -> None:
        super().__init__()
        self.register_buffer("directions", directions.float())
        self.register_buffer("patterns", patterns.float())

    def forward(self, w: Tensor) -> Tensor:
        """Modification [B, *image_shape] in [-1, 1] of standardised factors [B, K]."""
        return torch.tensordot(w @ self.directions.T, self.patterns, dims=1).clamp(-1, 1)


@dataclass(frozen=True)
class Patterns:
    """How the patterns of a closed-form modification look.

    Args:
        block: side of the squares of one sign, pixels; None: an eighth of the image's side.
        ratio: of the numbers of pixels of one factor's pattern and the next one's, for ``align``:
            different strengths make the factors the principal directions.
        seed: of the signs and of which pattern has which block.
    """

    block: Pixels | None = None
    ratio: Annotated[float, Interval(gt=0, le=1)] = 0.6
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_fields(self)

    def modification(
        self,
        factors: Factors,
        rotation: Tensor,
        planes: Sequence[tuple[int, int]],
        image_shape: Sequence[int],
        direction: Direction,
    ) -> PatternSum:
        """Epsilon u s of each turned pair of factors, or of each factor to align them.

        Args:
            factors: of the data set.
            rotation: R [K, K] of the K factors that vary.
            planes: pairs that it turns; none: it turns all.
            image_shape: of an image.
            direction: ``entangle``: the first rotated latent of each pair has a pattern, all as
                large; ``align``: each factor has one, ever smaller by ``ratio``.
        """
        dim = len(rotation)
        if direction == "align":
            chosen, shares = torch.eye(dim), [self.ratio**k for k in range(dim)]
        else:
            rows = [i for i, _ in planes] or list(range(0, dim - 1, 2))
            chosen, shares = rotation[rows].float(), [1.0] * len(rows)
        ends = torch.tensor([[0] * len(factors), [max(s - 1, 1) for s in factors.sizes]])
        largest = standardise(factors, ends.float()).abs().amax(0)
        reach = chosen.abs() @ largest
        return PatternSum(chosen / reach[:, None], self._patterns(shares, image_shape))

    def _patterns(self, shares: Sequence[float], image_shape: Sequence[int]) -> Tensor:
        """Patterns [M, *image_shape] on blocks of their own, as many as the shares say."""
        rng = np.random.default_rng(self.seed)
        if len(image_shape) == 1:
            block, grid = 1, (1, image_shape[0])
        else:
            block = self.block or max(1, max(image_shape[1:]) // 8)
            grid = (math.ceil(image_shape[1] / block), math.ceil(image_shape[2] / block))
        order, number = rng.permutation(math.prod(grid)), math.prod(grid)
        ends = np.round(np.cumsum([0, *shares]) / sum(shares) * number).astype(int)
        flat = np.zeros((len(shares), number))
        for k, (start, end) in enumerate(pairwise(ends)):
            flat[k, order[start:end]] = np.where(np.arange(end - start) % 2, -1.0, 1.0)
        blocks = torch.from_numpy(flat).view(-1, *grid)
        if len(image_shape) == 1:
            return blocks[:, 0]
        whole = blocks.repeat_interleave(block, 1).repeat_interleave(block, 2)
        whole = whole[:, : image_shape[1], : image_shape[2]]
        return whole[:, None].expand(-1, *image_shape)
