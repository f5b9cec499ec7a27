"""Images of a data set by row, and by factor values: the ones it has, or those nearest to them."""

import math

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.data.row_lookup import RowLookup
from vaescope.data.views.pairs import factor_distance
from vaescope.streams import stream

_CHUNK_BYTES = 2**24


class Lookup:
    """All rows of a data set on the CPU, found by their factor values.

    Args:
        dataset: the data set.
        seed: chooses between rows that have the same factor values.
    """

    def __init__(self, dataset: FactorDataset, seed: int) -> None:
        self.dataset, self.seed = dataset, seed
        self.lookup = RowLookup(dataset, torch.arange(len(dataset)))
        factors = dataset.factors
        self.computes = isinstance(dataset, RenderedDataset) and factors.has_continuous
        # whether an image can be asked for by any values, be it to learn that there is none
        self.is_exact = len(factors) > 0 and (self.computes or not factors.has_continuous)

    @property
    def values(self) -> np.ndarray:
        """Factor values `[N, K]` of all rows."""
        return self.lookup.values

    @property
    def chunk(self) -> int:
        """Number of images that are held at once."""
        return max(1, _CHUNK_BYTES // (4 * math.prod(self.dataset.image_shape)))

    def images(self, rows: Tensor, draw: Tensor | None = None) -> Tensor:
        """Images float32 `[B, *image_shape]` of the rows ``rows`` `[B]`.

        Args:
            rows: row numbers int64.
            draw: int64 `[B]` that all that is no factor follows from; None: the rows' own.
        """
        return self.dataset.images_at(rows, rows if draw is None else draw)

    def exact(self, values: np.ndarray, draw: Tensor) -> tuple[Tensor, np.ndarray]:
        """Images of factor values, as far as there are any; only where ``is_exact``.

        Args:
            values: combinations `[B, K]`.
            draw: int64 `[B]` that all that is no factor follows from.

        Returns:
            Images `[M, *image_shape]` of the M combinations that some row has, and which these
            are, bool `[B]`.
        """
        if self.computes:
            found = np.ones(len(values), dtype=bool)
            assert isinstance(self.dataset, RenderedDataset)
            return self.dataset.images(torch.from_numpy(values)), found
        rows = self.lookup.find(values, stream(self.seed, "show/rows"))
        found = rows >= 0
        return self.images(torch.from_numpy(rows[found]), draw[torch.from_numpy(found)]), found

    def nearest(self, values: np.ndarray, position: int) -> int:
        """Row whose factors are nearest to one combination `[K]`, one of them before all others.

        The factor at ``position`` may be off by a twentieth of its range where it is continuous,
        and by nothing else where some row has its value.
        """
        table, factors = self.values, self.dataset.factors
        wanted = np.broadcast_to(values, table.shape)
        gap = np.abs(table[:, position].astype(np.float64) - values[position])
        tolerance = 0.05 if factors.kinds[position] == "continuous" else 0
        near = np.flatnonzero(gap <= max(tolerance, gap.min()))
        distance = factor_distance(table[near], wanted[near], factors)
        return int(near[distance.argmin()])


def chosen_rows(num_rows: int, count: int, seed: int, name: str) -> Tensor:
    """Rows int64 `[n]`, rising, n at most ``count``: all, or drawn for one use, ``name``."""
    if num_rows <= count:
        return torch.arange(num_rows)
    drawn = stream(seed, f"show/{name}").choice(num_rows, count, replace=False)
    return torch.from_numpy(np.sort(drawn))
