"""Row lookup: rows of a data set found by their factor values."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors


class RowLookup:
    """The training rows, found by their factor values; nothing is computed before it is asked for.

    All of it lies on the CPU, so that a plan never waits for an accelerator.

    Args:
        dataset: on any device.
        rows: the rows that training may show, int64 `[n]`, rising.
        weights: how often it shows each, float64 `[n]`; None: all alike.
        is_held_out: which factor values `[m, K]` training may not show, bool `[m]`; asked only
            where images are computed from any values; None: it may show all.
    """

    def __init__(
        self,
        dataset: FactorDataset,
        rows: Tensor,
        weights: Tensor | None = None,
        is_held_out: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.dataset, self._given, self._is_held_out = dataset, rows, is_held_out
        self.weights = None if weights is None else weights.cpu().numpy()
        self._kept: dict[object, Any] = {}

    def keep(self, view: object, compute: Callable[[], Any]) -> Any:
        """What a view computes of all these rows, at its first batch and not again."""
        if view not in self._kept:
            self._kept[view] = compute()
        return self._kept[view]

    @property
    def factors(self) -> Factors:
        """What the images vary in."""
        return self.dataset.factors

    @cached_property
    def rows(self) -> np.ndarray:
        """Row numbers int64 `[n]`, rising."""
        return self._given.cpu().numpy()

    @cached_property
    def values(self) -> np.ndarray:
        """Factor values `[n, K]` of the rows."""
        return self.dataset.values(self._given).cpu().numpy()

    def values_of(self, index: Tensor) -> np.ndarray:
        """Factor values `[B, K]` of some of the rows, ``index`` `[B]`."""
        return self.values[np.searchsorted(self.rows, index.cpu().numpy())]

    def find(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows int64 `[...]` that have the factor values `[..., K]`; -1 where none of ours has.

        Args:
            values: of factors with finitely many values, of which there is at least one.
            rng: chooses where several rows have the same values.
        """
        if not len(self.factors):
            raise ValueError("without factors an image is found by its row only; ask batch(index)")
        order, combinations = self._by_combination
        wanted = self.factors.index(torch.from_numpy(values)).numpy()
        first = np.searchsorted(combinations, wanted, "left")
        count = np.searchsorted(combinations, wanted, "right") - first
        chosen = first + (rng.random(wanted.shape) * count).astype(np.int64)
        return np.where(count > 0, order[np.minimum(chosen, len(order) - 1)], -1)

    def admits(self, values: np.ndarray) -> np.ndarray:
        """Which factor values `[n, P, K]` training may show, bool `[n, P]`, where any can be."""
        if self._is_held_out is None:
            return np.ones(values.shape[:2], dtype=bool)
        held_out = self._is_held_out(torch.from_numpy(values.reshape(-1, values.shape[-1])))
        return ~held_out.numpy().reshape(values.shape[:2])

    @cached_property
    def _by_combination(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows in the order of their combinations, and these."""
        combinations = self.factors.index(torch.from_numpy(self.values)).numpy()
        order = np.argsort(combinations, kind="stable")
        return self.rows[order], combinations[order]
