"""Pairs of images as if taken one after the other: factors that move a little, or a few at once."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.views.pairs import Pairs, require_factors
from vaescope.data.views.partners import draw_partners
from vaescope.errors import ConfigError
from vaescope.minibatch import Plan
from vaescope.ranges import Count, Positive, in_range


class LaplaceTransitions:
    """Pairs whose factors move by steps of a Laplace distribution, mostly small ones.

    The next value j of an ordered factor at i has p(j | i) ∝ exp(-|j - i| rate / log(size)) over
    its values; continuous ones have a density of that form on [0, 1]. If nothing moved, one ordered
    factor, each as likely, is drawn from its distribution without i. Categories stay.

    Args:
        rate: inverse scale of the steps; larger: smaller ones.
        continuous_scale: scale of the steps of continuous factors at rate 1, as a share of their
            range.
        static: ordered factors, by name or position, that stay as well; all others are dynamic.

    Source: Klindt et al. 2021, "Towards Nonlinear Disentanglement in Natural Data with Temporal
    Sparse Coding", https://arxiv.org/abs/2007.10930, its data sets "LAP" with rate 1, as in the
    published code. Differs: circular factors go the shorter way round, |j - i| wrapped; continuous
    factors and their scale, and static factors, are ours; pairs whose second image is no training
    image are drawn anew.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image",)

    @in_range
    def __init__(
        self,
        rate: Positive = 1.0,
        continuous_scale: Positive = 0.1,
        static: Sequence[int | str] = (),
    ) -> None:
        self.rate, self.continuous_scale, self.static = rate, continuous_scale, static

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse factors of which fewer than two vary, or none is ordered."""
        moving_factors(factors, self.static)

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index`` `[B]`, a partner of each, and what is ``changed``."""

        def propose(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            later = self.next_values(values, lookup.factors, rng)
            return later[:, None], (later != values).any(1)

        return draw_partners(index, lookup, rng, propose)

    def next_values(
        self, values: np.ndarray, factors: Factors, rng: np.random.Generator
    ) -> np.ndarray:
        """Factor values `[n, K]` one step after the given ones."""
        moving, later = moving_factors(factors, self.static), values.copy()
        for position in moving:
            later[:, position] = self._step(values[:, position], position, factors, rng)
        still = np.flatnonzero((later == values).all(1))
        chosen = np.array(moving)[rng.integers(len(moving), size=len(still))]
        for position in moving:
            stuck = still[chosen == position]
            moved = self._step(values[stuck, position], position, factors, rng, leave=True)
            later[stuck, position] = moved
        return later

    def _step(
        self,
        values: np.ndarray,
        position: int,
        factors: Factors,
        rng: np.random.Generator,
        leave: bool = False,
    ) -> np.ndarray:
        """Next values `[n]` of one factor; with ``leave`` none that equals the old one."""
        share = rng.random(len(values))
        if factors.kinds[position] == "continuous":
            return truncated_laplace(values, self.continuous_scale / self.rate, share)
        circular = factors.kinds[position] == "circular"
        until = _cumulative(factors.sizes[position], circular, self.rate, leave)
        return (share[:, None] >= until[values.astype(np.int64)]).sum(1)


class UniformTransitions(Pairs):
    """Pairs of which k factors, categories among them, change uniformly to another value.

    The same pairs as ``Pairs(k, "strict")``.

    Args:
        k: number of factors that change; None: drawn from 1..K-1 for each pair, K being the factors
            with more than one value.

    Source: Klindt et al. 2021, "Towards Nonlinear Disentanglement in Natural Data with Temporal
    Sparse Coding", https://arxiv.org/abs/2007.10930, its data sets "UNI". Differs: pairs whose
    second image is no training image are drawn anew.
    """

    @in_range
    def __init__(self, k: Count | None = None) -> None:
        super().__init__(k, "strict")


def moving_factors(factors: Factors, static: Sequence[int | str]) -> list[int]:
    """Positions of the ordered factors with more than one value that are not static.

    Raises:
        ConfigError: there is none, or fewer than two factors have more than one value.
    """
    still = {k for k, kind in enumerate(factors.kinds) if kind == "categorical"}
    still.update(factors.positions_of(static))
    moving = [k for k in require_factors(factors) if k not in still]
    if not moving:
        raise ConfigError(
            f"the view moves ordered factors, and all of {list(factors.names)} are categories or "
            f"static={list(static)}; choose view=transitions_uniform or fewer that are static"
        )
    return moving


def laplace_transitions(size: int, circular: bool, rate: float, leave: bool = False) -> np.ndarray:
    """Probabilities `[size, size]` of the next value (column) given the value (row).

    Args:
        size: number of values, at least 2.
        circular: whether steps are counted the shorter way round.
        rate: inverse scale of the steps.
        leave: whether the value itself has probability 0.
    """
    value = np.arange(size)
    step = np.abs(value[:, None] - value)
    if circular:
        step = np.minimum(step, size - step)
    if leave:
        step = np.maximum(step - 1, 0)  # the same ratios, but a high rate does not leave nothing
    weight = np.exp(-step * rate / math.log(size))
    if leave:
        np.fill_diagonal(weight, 0.0)
    return weight / weight.sum(1, keepdims=True)


@lru_cache(maxsize=64)
def _cumulative(size: int, circular: bool, rate: float, leave: bool) -> np.ndarray:
    until = laplace_transitions(size, circular, rate, leave).cumsum(1)
    until[:, -1] = 1.0  # rounding may leave it below
    return until


def truncated_laplace(mean: np.ndarray, scale: float, share: np.ndarray) -> np.ndarray:
    """Values `[n]` in [0, 1] of density ∝ exp(-|y - mean| / scale), of means `[n]` in [0, 1].

    Args:
        share: uniform numbers `[n]` in [0, 1) for the inverse distribution function.
    """
    middle = mean.astype(np.float64)
    below, above = -np.expm1(-middle / scale), -np.expm1(-(1 - middle) / scale)
    mass = share * (below + above)
    side = np.where(mass < below, -1.0, 1.0)
    far = -scale * np.log1p(-np.where(mass < below, mass, mass - below))
    return np.clip(middle + side * far, 0.0, 1.0).astype(mean.dtype)
