"""Further images for the images of a batch: pairs and triplets.

These views draw factor values; the images that have them come from the training
rows alone. Where training may not show what was drawn, that image's further ones are drawn anew.
A correlated ``sampling`` concerns the first images: what a view changes, it changes regardless.
"""

from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.views.partners import draw_partners
from vaescope.errors import ConfigError
from vaescope.minibatch import Plan
from vaescope.ranges import Count, in_range


class Pairs:
    """Two images that share all but k factors, the others drawn uniformly.

    Args:
        k: number of factors that change, at least 1; None: drawn from 1..K-1 for each pair, K being
            the factors with more than one value.
        policy: ``locatello``: with even odds 1 or k factors are drawn anew, so that most pairs
            share all but one; ``uniform``: k factors are; in both a new value may by chance equal
            the old one. ``strict``: k factors change to another value. ``share_one``: all factors
            but one do, and k is not given.

    Source: Locatello et al. 2020, "Weakly-Supervised Disentanglement Without Compromises",
    https://arxiv.org/abs/2002.02886; ``locatello`` is what its published code does, ``uniform``
    what the paper says; ``share_one`` is the share pairing of Shu et al. 2020,
    https://arxiv.org/abs/1910.09772. Differs: factors of one value are never among the k; pairs
    whose second image is no training image are drawn anew; factors that are not shared may keep
    their values by chance in Shu et al.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image",)

    @in_range
    def __init__(
        self,
        k: Count | None = None,
        policy: Literal["locatello", "uniform", "strict", "share_one"] = "locatello",
    ) -> None:
        if policy == "share_one" and k is not None:
            raise ConfigError(f"k={k}: with policy='share_one' leave it null, or choose strict")
        self.k, self.policy = k, policy

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse factors of which fewer than two, or than k, vary."""
        varying = require_factors(factors)
        if self.k is not None and self.k > len(varying):
            raise ConfigError(
                f"k={self.k} was given, but only {len(varying)} factors have more than one value; "
                f"choose 1..{len(varying)}"
            )

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index`` `[B]`, a partner of each, and what is ``changed``."""
        factors = lookup.factors

        def propose(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            count = self._count(len(values), len(require_factors(factors)), rng)
            chosen = choose_factors(count, factors, rng)
            if self.policy in ("locatello", "uniform"):
                fresh = factors.sample(len(values), rng).numpy()
                return np.where(chosen, fresh, values)[:, None], np.ones(len(values), dtype=bool)
            other = np.where(chosen, other_values(values, factors, rng), values)
            return other[:, None], (other != values).sum(1) == count

        return draw_partners(index, lookup, rng, propose)

    def _count(self, n: int, num_factors: int, rng: np.random.Generator) -> np.ndarray:
        """Number of factors that are drawn anew `[n]`."""
        if self.policy == "share_one":
            return np.full(n, num_factors - 1)
        count = rng.integers(1, num_factors, n) if self.k is None else np.full(n, self.k)
        if self.policy == "locatello":
            count = np.where(rng.random(n) < 0.5, 1, count)
        return count


class Triplets:
    """An image, one that is near it in its factors and one that is far.

    Both differ from the first in a number of factors drawn from 1..K, K being the factors with more
    than one value, each changed to another value uniformly; the nearer one by ``factor_distance``
    comes first, and triplets with equal distances are drawn anew.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image", "a third image")

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse factors of which fewer than two vary."""
        require_factors(factors)

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index`` `[B]` and two partners of each, the nearer one first."""
        factors = lookup.factors
        num_factors = len(require_factors(factors))

        def propose(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            twice = np.repeat(values, 2, axis=0)
            count = rng.integers(1, num_factors + 1, len(twice))
            chosen = choose_factors(count, factors, rng)
            other = np.where(chosen, other_values(twice, factors, rng), twice)
            distance = factor_distance(twice, other, factors).reshape(-1, 2)
            near = distance.argsort(1)[:, :, None]
            apart = np.abs(distance[:, 0] - distance[:, 1]) > 1e-6  # sums of the same shares
            return np.take_along_axis(other.reshape(len(values), 2, -1), near, 1), apart

        return draw_partners(index, lookup, rng, propose)


def require_factors(factors: Factors) -> list[int]:
    """Positions of the factors with more than one value, at least two."""
    varying = [position for position, size in enumerate(factors.sizes) if size != 1]
    if len(varying) < 2:
        raise ConfigError(
            f"the view needs two factors with more than one value, and the data set has "
            f"{len(varying)}; choose view=groups by class, or a method that needs no pairs"
        )
    return varying


def choose_factors(count: np.ndarray, factors: Factors, rng: np.random.Generator) -> np.ndarray:
    """Random sets of ``count`` `[n]` different factors with more than one value, bool `[n, K]`."""
    varying = require_factors(factors)
    rank = rng.random((len(count), len(varying))).argsort(1).argsort(1)
    chosen = np.zeros((len(count), len(factors)), dtype=bool)
    chosen[:, varying] = rank < count[:, None]
    return chosen


def other_values(values: np.ndarray, factors: Factors, rng: np.random.Generator) -> np.ndarray:
    """Values `[n, K]` uniform among those that differ from the given ones, where there are any."""
    sizes = np.array(factors.sizes)
    moved = values + rng.integers(1, np.maximum(sizes, 2), values.shape)
    moved = np.where(sizes == 0, rng.random(values.shape), moved % np.maximum(sizes, 1))
    return moved.astype(values.dtype)


def factor_distance(a: np.ndarray, b: np.ndarray, factors: Factors) -> np.ndarray:
    """How far apart combinations `[n, K]` are: the sum over factors of a distance in [0, 1].

    Returns:
        float64 `[n]`; of an ordinal factor |a - b| / (size - 1), of a circular one the shorter way
        round as a share of the longest, of a continuous one |a - b|, of a categorical one 0 or 1.
    """
    total = np.zeros(len(a))
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64)).T
    for gap, size, kind in zip(apart, factors.sizes, factors.kinds, strict=True):
        if kind == "categorical":
            total += gap > 0
        elif kind == "circular":
            total += np.minimum(gap, size - gap) / max(size // 2, 1)
        else:
            total += gap / max(size - 1, 1)
    return total
