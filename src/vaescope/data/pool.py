"""Rows found by their factor values, and the draw of partners for the images of a batch."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.errors import ConfigError, DataError
from vaescope.minibatch import Known, Plan

# how often a partner that training may not show is drawn anew before that is an error
TRIES = 1000

# factor values `[n, K]` and a source of random numbers -> P proposals for each `[n, P, K]`, and
# which of the n have proposals that will do, bool `[n]`
Propose = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


class Pool:
    """The training rows, found by their factor values; nothing is computed before it is asked for.

    All of it lies on the CPU, so that a plan never waits for an accelerator.

    Args:
        dataset: the data set, on any device.
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
            values: of factors with finitely many values.
            rng: chooses where several rows have the same values.
        """
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


def draw_partners(index: Tensor, pool: Pool, rng: np.random.Generator, propose: Propose) -> Plan:
    """P partners for every row of a batch, of factor values that ``propose`` draws.

    Where the pool holds no image of a proposal, all of that row's are drawn anew: what comes out
    is distributed like the proposals, given that the pool holds them.

    Args:
        index: rows of the pool, int64 `[B]`.
        pool: what the images are taken from.
        rng: source of the random numbers.
        propose: draws factor values.

    Returns:
        The plan, which knows what ``changed``; continuous partners are planned by their values.

    Raises:
        ConfigError: factors are continuous, but the images are not computed from them.
        DataError: a row has none in ``TRIES`` tries.
    """
    if pool.factors.has_continuous and not pool.dataset.computes:
        raise ConfigError(
            "the view draws new values of continuous factors, and this data set has images of its "
            "own rows only; choose view=null or a data set that computes its images"
        )
    start = pool.values_of(index)
    values, rows = _search(start, pool, rng, propose)
    partners = (
        [Plan(factors=torch.from_numpy(column)) for column in values.swapaxes(0, 1)]
        if pool.factors.has_continuous
        else [Plan(torch.from_numpy(column)) for column in rows.T]
    )
    changed = torch.from_numpy(values[:, 0] != start)
    return Plan(index, partners=tuple(partners), known=Known(changed=changed))


def _search(
    start: np.ndarray, pool: Pool, rng: np.random.Generator, propose: Propose
) -> tuple[np.ndarray, np.ndarray]:
    """Proposals `[B, P, K]` that the pool holds, and their rows `[B, P]`."""
    partners, found, fits = _look_up(start, pool, rng, propose)
    again = np.flatnonzero(~fits)
    for _ in range(TRIES):
        if not again.size:
            break
        partners[again], found[again], fits = _look_up(start[again], pool, rng, propose)
        again = again[~fits]
    if again.size:
        raise _nothing_found(start[again[0]], pool)
    return partners, found


def _look_up(
    start: np.ndarray, pool: Pool, rng: np.random.Generator, propose: Propose
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Proposals `[n, P, K]`, their rows `[n, P]` and whether they will do `[n]`."""
    partners, fits = propose(start, rng)
    if pool.factors.has_continuous:
        found = np.zeros(partners.shape[:2], dtype=np.int64)
        return partners, found, fits & pool.admits(partners).all(1)
    found = pool.find(partners, rng)
    return partners, found, fits & (found >= 0).all(1)


def _nothing_found(values: np.ndarray, pool: Pool) -> DataError:
    named = dict(zip(pool.factors.names, values.tolist(), strict=True))
    return DataError(
        f"no further image for the one with {named} was found among the {len(pool.rows)} training "
        f"images in {TRIES} tries; add data.split=null, so that all images are training images, "
        "hold out fewer combinations, or choose another view"
    )
