"""Scores of a table of informations: MIG, MIG-sup, JEMMIG, DCIMIG, modularity and more.

All take an `InformationTable` of one sample or, at the same price, of R resamplings of it.
Scores per latent take ``active``, the latents that count [D]; None: those with any information.

Example:
    >>> from vaescope.metrics.information.tables import information_table
    >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
    >>> table = information_table(factors.double(), factors)
    >>> [round(float(score(table).score), 3) for score in (mig, rmig, mig_sup, modularity)]
    [1.0, 1.242, 1.0, 1.0]
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.information.contingency import ROUNDING
from vaescope.metrics.information.tables import InformationTable

Dead = Literal["left_out", "dlib"]


@dataclass(frozen=True)
class ScoreParts:
    """A score and the parts that it is the mean of."""

    score: Tensor  # mean of the counted parts [...], 0 if none counts
    parts: Tensor  # one number per factor [..., K] or per latent [..., D]
    counted: Tensor  # which parts the mean is over, shape of `parts`


def mig(table: InformationTable) -> ScoreParts:
    """Mutual information gap per factor, 0 (no factor has a latent of its own) to 1 (good).

    Returns:
        Best minus second-best latent over the factor's entropy [..., K]. Factors with one value
        do not count; a single latent's second best is 0.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6. Differs: none; the
    estimator is the table's.
    """
    first, second = top_two(table.information, -2)
    varies = table.factor_entropies > ROUNDING
    return mean_of(share(first - second, table.factor_entropies), varies)


def rmig(table: InformationTable) -> ScoreParts:
    """Robust mutual information gap per factor in nats, 0 to the factor's entropy; high is good.

    Args:
        table: of sampled codes or of `posterior_table`, which hold the encoder's noise.

    Returns:
        Best minus second-best latent [..., K]; divide by the entropies, as `mig`, for shares.

    Source: Do & Tran 2020, https://arxiv.org/abs/1908.09961, eq. of RMIG. Differs: none; on
    posterior means without noise it is MIG before the division.
    """
    first, second = top_two(table.information, -2)
    return mean_of(first - second, table.factor_entropies > ROUNDING)


def mig_sup(table: InformationTable, active: Tensor | None = None) -> ScoreParts:
    """Supplement of MIG per latent, 0 (each latent holds several factors alike) to 1 (good).

    Returns:
        Best minus second-best factor [..., D], informations as shares of the factors' entropies.
        With a single factor the second best is 0. 0 if no latent is active.

    Source: Li et al. 2020, https://arxiv.org/abs/2002.10549, eq. of MIG-sup. Differs: dead latents
    are left out, with ``active`` all True they count with about 0 as in the paper. Low where a
    factor is spread over latents although each holds one factor only. Chance: the gap of
    (B-1)(C-1)/2N over entropies; ceiling as of MIG.
    """
    shares = share(table.information, table.factor_entropies[..., None, :])
    first, second = top_two(shares, -1)
    return mean_of(first - second, _active(table, active))


def jemmig(table: InformationTable, *, normalised: bool = True) -> ScoreParts:
    """Joint entropy minus information gap per factor, 0 and up; LOW is good.

    Args:
        normalised: divide by its upper bound, the factor's entropy plus log(bins), for 0 to 1.

    Returns:
        H(z1, v) - I(z1; v) + I(z2; v) [..., K], z1 and z2 the best latents for the factor. Factors
        with one value do not count.

    Source: Do & Tran 2020, https://arxiv.org/abs/1908.09961, eq. of JEMMIG. Differs: not turned
    round as in public code of Zaidi et al. A perfect code has 0 if no factor has more values than
    bins; a dead code H(v), which is less, so better, than a noisy one.
    """
    first, second = top_two(table.information, -2)
    best = table.information.argmax(-2)
    entropy = table.code_entropies.gather(-1, best)
    values = (entropy + table.factor_entropies - 2 * first + second).clamp(min=0)
    varies = table.factor_entropies > ROUNDING
    if normalised:
        values = share(values, table.factor_entropies + math.log(table.bins))
    return mean_of(values, varies)


def dcimig(table: InformationTable) -> ScoreParts:
    """DCIMIG (3CharM), 0 (no latent holds one factor alone) to 1 (every factor has one; good).

    Returns:
        Parts: share of each factor's entropy in the largest gap among the latents whose best
        factor it is [..., K]. Score: the gaps' sum over the entropies' sum, so that factors count
        by their entropy.

    Source: Sepliarskaia et al. 2019, https://arxiv.org/abs/1910.05587, DCIMIG. Differs: none.
    """
    first, second = top_two(table.information, -1)
    best = table.information.argmax(-1)
    gaps = torch.zeros_like(table.information)
    gaps = gaps.scatter(-1, best[..., None], (first - second)[..., None]).amax(-2)
    parts = mean_of(share(gaps, table.factor_entropies), table.factor_entropies > ROUNDING)
    score = share(gaps.sum(-1), table.factor_entropies.sum(-1))
    return ScoreParts(score, parts.parts, parts.counted)


def modularity(
    table: InformationTable, active: Tensor | None = None, *, dead: Dead = "left_out"
) -> ScoreParts:
    """Modularity per latent, 0 (knows all factors alike) to 1 (knows one factor; good).

    Args:
        active: latents that count [D]; None: those with any information. `active_latents` leaves
            out those that know no more than chance: noise alone has about 2/3 on dSprites.
        dead: ``"left_out"``, or ``"dlib"``: all latents count, those without any information
            with 0.

    Returns:
        One minus the squared informations of the other factors over K - 1 times the best one's
        [..., D]; 0 for a latent without information, 1 for any other if there is one factor.

    Source: Ridgeway & Mozer 2018, https://arxiv.org/abs/1802.05312, section 3; ``"dlib"`` as
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359. Differs: latents that know nothing are
    left out. Blind to a factor in several latents and to missing factors. Ceiling: 1 for
    independent factors.
    """
    if dead not in ("left_out", "dlib"):
        raise ValueError(f"dead={dead!r}: give 'left_out' or 'dlib'")
    squares = table.information.square()
    best = squares.amax(-1)
    others = max(squares.shape[-1] - 1, 1)
    alone = 1 - share(squares.sum(-1) - best, best * others)
    parts = alone.where(best > 0, 0.0)
    counted = torch.ones_like(best, dtype=torch.bool)
    return mean_of(parts, counted if dead == "dlib" else _active(table, active))


def minimality(table: InformationTable, active: Tensor | None = None) -> ScoreParts:
    """Minimality per latent, 0 (its values follow no factor) to 1 (one factor alone; good).

    Returns:
        Largest information with a factor over the latent's entropy [..., D].

    Source: Almudévar et al. 2024, https://arxiv.org/abs/2408.07016, and its public code, with 15
    bins. Differs: dead latents are left out. A factor with fewer values than bins reaches 1 only
    if the latent takes as few values.
    """
    best = table.information.amax(-1)
    return mean_of(share(best, table.code_entropies), _active(table, active))


def sufficiency(table: InformationTable) -> ScoreParts:
    """Sufficiency per factor, 0 (no latent knows it) to 1 (one latent has all of it; good).

    Returns:
        Largest information with a latent over the factor's entropy [..., K].

    Source: Almudévar et al. 2024, https://arxiv.org/abs/2408.07016, and its public code, with 15
    bins. Differs: factors with one value do not count.
    """
    best = table.information.amax(-2)
    varies = table.factor_entropies > ROUNDING
    return mean_of(share(best, table.factor_entropies), varies)


def axis_alignment(table: InformationTable) -> ScoreParts:
    """Axis alignment per factor, 0 (the other latents together know as much) to 1 (good).

    Returns:
        Best information minus the sum of all others, at least 0, over the best [..., K]; 0 for a
        factor that no latent knows.

    Source: public code https://github.com/YannDubs/disentangling-vae. Differs: none. The sum grows
    with the number of latents by chance alone.
    """
    best = table.information.amax(-2)
    left = (2 * best - table.information.sum(-2)).clamp(min=0)
    return mean_of(share(left, best), table.factor_entropies > ROUNDING)


def top_two(values: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Largest and second-largest value, at least 0, along a dimension; 0 if there is no second."""
    if values.shape[dim] == 1:
        first = values.select(dim, 0)
        return first, torch.zeros_like(first)
    first, second = values.topk(2, dim).values.unbind(dim)
    return first, second


def share(part: Tensor, whole: Tensor) -> Tensor:
    """Part over whole, elementwise; 0 where the whole is 0 or below rounding."""
    there = whole > ROUNDING**2
    return (part / whole.where(there, 1.0)).where(there, 0.0)


def mean_of(parts: Tensor, counted: Tensor) -> ScoreParts:
    """Mean over the counted parts [..., M] of the last dimension, 0 if none counts."""
    counted = counted.to(parts.device).expand_as(parts)
    score = share(parts.where(counted, 0.0).sum(-1), counted.sum(-1).to(parts))
    return ScoreParts(score, parts, counted)


def _active(table: InformationTable, active: Tensor | None) -> Tensor:
    return (table.information > 0).any(-1) if active is None else active
