"""Interventional robustness score (IRS): does a latent stay put while a factor is held fixed?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.information.information_matrix import discretise
from vaescope.metrics.intervention.factor_groups import pool_rows, value_classes
from vaescope.metrics.sorting import sort_runs, stable_order

Convention = Literal["exact", "dlib"]


@dataclass(frozen=True)
class InterventionalRobustness:
    """The interventional robustness score (IRS) and what it is made of."""

    # mean of `latents` over the latents that vary, weighted by `deviations`; high is good
    score: float
    latents: Tensor  # best entry of each row of `matrix` [D]; 0 for a dead latent
    parents: Tensor  # the factor of that entry [D], the first if several; -1 for a dead latent
    deviations: Tensor  # largest distance of each latent from its mean [D]
    # robustness of each latent while each factor is fixed [D, K]: 1 minus the mean over the
    # factor's values of the quantile of distances from the mean within the value, as a share of
    # `deviations`. 1 is robust; below 0 if groups spread wider than the whole. 0 for dead latents
    # and for factors that are left out
    matrix: Tensor

    @property
    def num_active_dims(self) -> int:
        """Number of latents that vary, 0 to D."""
        return int((self.parents >= 0).sum())


def irs(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    quantile: float = 0.99,
    convention: Convention = "exact",
) -> InterventionalRobustness:
    """Interventional robustness score (IRS) with its parts: about 0.4 by chance to 1 (good).

    Args:
        codes, factors, kinds: as in `vaescope.metrics`.
        bins: classes of a continuous factor (``"exact"``: equally many rows each), or of every
            factor (``"dlib"``: equal widths).
        quantile: of the distances within a value, 0 to 1; 1 is the largest, as in the paper.
        convention: ``"exact"`` takes discrete factors as they are and leaves out values with fewer
            than two rows and factors with one value. ``"dlib"`` cuts all factors into ``bins``, so
            that a perfect code of a factor with more values falls short of 1, and leaves nothing
            out.

    Returns:
        The score and its parts. 0 if all latents are dead or no factor is left.

    Source: Suter et al. 2019, https://arxiv.org/abs/1811.00007, the score IRS; quantile, weights
    and even average over values as in the public disentanglement_lib. Differs: dead latents keep a
    row; ``num_active_dims`` is the number of latents that vary, there it is a sum of codes. The
    ceiling is 1 under ``"exact"`` for discrete factors, also with several latents per factor or
    factors without a latent. Chance is 1 minus the quantile of a latent's distances over their
    largest: for Gaussian latents and N = 10,000 about 0.38 at 0.99 and 0.25 at 1. It grows if
    values have few rows.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> irs(factors.double(), factors).score
        1.0
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile = {quantile}, but 0 to 1 is needed")
    if convention not in ("exact", "dlib"):
        raise ValueError(f"convention = {convention!r}, but 'exact' or 'dlib' is needed")
    values = pool_rows(codes, factors)
    exact = convention == "exact"
    labels = value_classes(factors, kinds=kinds, bins=bins) if exact else discretise(factors, bins)
    alive = (values != values[:1]).any(0)
    deviations = (values - values.mean(0)).abs().amax(0).where(alive, 0.0)
    least = 2 if exact else 1
    found = [_mean_quantile(values, column, quantile, least) for column in labels.T]
    within = torch.stack([mean for mean, _ in found], 1)
    used = torch.tensor([groups or not exact for _, groups in found], device=values.device)
    matrix = 1 - within / deviations.where(alive, 1.0)[:, None]
    alive = alive & used.any()
    best = matrix.where(used, -torch.inf).max(dim=1)
    latents, weights = best.values.where(alive, 0.0), deviations.where(alive, 0.0)
    total = float(weights.sum())
    score = float((latents * weights).sum()) / total if total else 0.0
    parents, shown = best.indices.where(alive, -1), matrix.where(alive[:, None] & used, 0.0)
    return InterventionalRobustness(score, latents, parents, deviations, shown)


def _mean_quantile(
    codes: Tensor, labels: Tensor, quantile: float, least: int
) -> tuple[Tensor, bool]:
    """Quantile of distances from the mean in a group, averaged over groups of enough rows, [D].

    The second answer: whether there are two groups, one of them of at least two rows.
    """
    _, groups, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    sums = codes.new_zeros(len(counts), codes.shape[1]).index_add_(0, groups, codes)
    distances = (codes - (sums / counts[:, None])[groups]).abs()
    ordered = sort_runs(distances[stable_order(groups)].T, counts).T
    place = quantile * (counts - 1).double()
    lower = counts.cumsum(0) - counts + place.long()
    upper = lower + (place > place.floor()).long()
    low, high = ordered[lower], ordered[upper]
    found = low + (place - place.floor())[:, None] * (high - low)
    mean = found[counts >= least].sum(0) / max(1, int((counts >= least).sum()))
    return mean, len(counts) > 1 and int(counts.max()) > 1
