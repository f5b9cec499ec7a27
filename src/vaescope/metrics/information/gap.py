"""Mutual information gap (MIG): is each factor held by one latent alone?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.information.information_matrix import (
    continuous_columns,
    entropy,
    factor_classes,
    mutual_information,
)
from vaescope.metrics.information.ksg import nearest_information
from vaescope.metrics.information.posterior import posterior_information
from vaescope.metrics.information.scores import mig
from vaescope.metrics.information.tables import (
    SHUFFLES,
    InformationTable,
    binned_pair,
    information_table,
    shuffle_orders,
    shuffled_tables,
)
from vaescope.metrics.kinds import angle_columns
from vaescope.tensor_checks import misfit

Convention = Literal["dlib", "dcf", "ksg", "chen"]


@dataclass(frozen=True)
class InformationGaps:
    """The mutual information gap and what it is made of."""

    score: float  # mean of `gaps` over the factors that vary, 0 to 1; high is good
    # best minus second-best latent as a share of the factor's entropy [K], 0 to 1; 0 for a factor
    # with one value
    gaps: Tensor
    information: Tensor  # mutual information of latents and factors [D, K], nats
    # entropies of the factors [K], nats; infinite for the continuous factors of `"ksg"`, whose
    # gap is one of correlations
    entropies: Tensor


def information_gaps(
    codes: Tensor,
    factors: Tensor,
    *,
    bins: int = 20,
    convention: Convention = "dlib",
    kinds: Sequence[str] | None = None,
    variances: Tensor | None = None,
    seed: int = 0,
) -> InformationGaps:
    """Mutual information gap with its parts: 0 (no factor has a latent of its own) to 1 (good).

    Args:
        codes, factors, kinds: as in `vaescope.metrics`.
        bins: equal-width bins over each sample range, where a convention bins.
        convention: ``"dlib"`` bins the codes, so that a factor with more than ``bins`` values
            cannot reach 1 (see `mig_ceiling`); ``"dcf"`` bins all factors, too; ``"ksg"`` takes
            `nearest_information` without bins; ``"chen"`` takes `posterior_information`, of codes
            drawn from q(z|x).
        variances: posterior variances [N, D], for ``"chen"`` alone.
        seed: of the draws of ``"chen"`` and of the ties of ``"ksg"``.

    Returns:
        The score, the gap per factor, the information matrix and the entropies. With one latent
        the second best is 0. Factors with one value are left out of the score; with no other
        factor the score is 0.

    Source: Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs",
    https://arxiv.org/abs/1802.04942, eq. 6, whose estimator is ``"chen"``; binning of Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359 (``"dlib"``), and of the public code of Roth et al.
    2023, https://arxiv.org/abs/2210.07347 (``"dcf"``). Differs: factors with one value.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> information_gaps(factors.double(), factors).gaps.tolist()
        [1.0, 1.0]
    """
    if (variances is None) == (convention == "chen"):
        raise ValueError(f"convention={convention!r}: give variances with 'chen', and only with it")
    if convention == "chen" and variances is not None:
        found = posterior_information(codes, variances, factors, kinds=kinds, bins=bins, seed=seed)
        return gaps_of_information(found.information, found.factor_entropies)
    if convention == "ksg":
        information = nearest_information(codes, factors, kinds=kinds, seed=seed)
        endless = continuous_columns(factors, kinds) | angle_columns(factors, kinds)
        endless &= (factors != factors[0]).any(0)  # numbers and angles that vary
        entropies = entropy(factor_classes(factors, kinds=["categorical"] * factors.shape[1]))
        return gaps_of_information(information, entropies.where(~endless, torch.inf))
    if convention not in ("dlib", "dcf"):
        allowed = "'dlib', 'dcf', 'ksg' or 'chen'"
        raise ValueError(f"convention = {convention!r}, but {allowed} is needed")
    table = information_table(codes, factors, kinds=kinds, bins=bins, convention=convention)
    return gaps_of_information(table.information, table.factor_entropies)


def gaps_of_information(information: Tensor, entropies: Tensor) -> InformationGaps:
    """Mutual information gap of a matrix of informations, 0 to 1; high is good.

    Args:
        information: of latents and factors [D, K], nats, at least 0.
        entropies: of the factors [K], nats. Infinite for a continuous factor: its gap is that of
            sqrt(1 - exp(-2 I)), the correlation of a Gaussian pair with as much information.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6; Linfoot 1957, "An
    informational measure of correlation", https://doi.org/10.1016/S0019-9958(57)90116-X. Differs:
    Chen et al. know no continuous factors.
    """
    if information.ndim != 2 or entropies.shape != information.shape[1:]:
        raise misfit("[D, K] and [K]", information=information, entropies=entropies)
    endless = entropies.isinf()
    shares = torch.where(endless, (-torch.expm1(-2 * information)).sqrt(), information)
    table = InformationTable(shares, shares, entropies.where(~endless, 1.0), shares, 0)
    found = mig(table)
    return InformationGaps(float(found.score), found.parts, information, entropies)


def mutual_information_gap(
    codes: Tensor, factors: Tensor, *, bins: int = 20, convention: Convention = "dlib"
) -> float:
    """Mutual information gap (MIG), 0 (no factor has a latent of its own) to 1 (good).

    Args:
        codes, factors, bins: as in `vaescope.metrics`.
        convention: how information is estimated, as in `information_gaps`; not ``"chen"``.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6. Differs: as
    `information_gaps`.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> round(mutual_information_gap(factors.double(), factors), 3)
        1.0
    """
    return information_gaps(codes, factors, bins=bins, convention=convention).score


def mig_ceiling(
    factors: Tensor,
    bins: int = 20,
    convention: Convention = "dlib",
    *,
    kinds: Sequence[str] | None = None,
) -> float:
    """MIG of a perfect code, 0 to 1: the value to compare a MIG with, under the same estimator.

    Args:
        factors, bins, kinds: as in `vaescope.metrics`.
        convention: as in `information_gaps`. Under ``"chen"`` the perfect code has no noise and
            its information is counted without bins.

    Returns:
        MIG of the code with one latent per factor, equal to the factor's value. Below 1 if a
        factor has more than ``bins`` values or if the sampled factors depend on each other. Not a
        strict bound: a code that stretches a factor's rare values fills the bins differently.

    Example:
        >>> round(mig_ceiling(torch.arange(40)[:, None]), 3)  # 40 values, 20 bins
        0.812
    """
    if convention == "chen":
        labels = factor_classes(factors, kinds=kinds, bins=bins)
        return gaps_of_information(mutual_information(labels, labels), entropy(labels)).score
    codes = factors.double()
    return information_gaps(codes, factors, bins=bins, convention=convention, kinds=kinds).score


def mig_chance(
    codes: Tensor,
    factors: Tensor,
    seed: int = 0,
    repeats: int = SHUFFLES,
    *,
    bins: int = 20,
    convention: Convention = "dlib",
    kinds: Sequence[str] | None = None,
    variances: Tensor | None = None,
) -> float:
    """MIG that these codes reach by chance, 0 to 1: mean over factors shuffled against the codes.

    Args:
        codes, seed, bins, kinds: as in `vaescope.metrics`.
        factors: values of the factors [N, K]; whole rows are shuffled.
        repeats: number of shuffles, at least 1.
        convention: how information is estimated, as in `information_gaps`.
        variances: as in `information_gaps`.

    Returns:
        The mean score, the null of a permutation test. It falls as 1/N, so it tells when N is too
        small.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> round(mig_chance(factors.double(), factors), 3)
        0.239
    """
    orders = shuffle_orders(len(factors), repeats, seed)
    if convention in ("dlib", "dcf"):
        binned, labels = binned_pair(codes, factors, kinds=kinds, bins=bins, convention=convention)
        return float(mig(shuffled_tables(binned, labels, bins, orders)).score.mean())
    # All shuffles are factors of one call: what it does for the codes alone is done once.
    count = factors.shape[1]
    shuffled = factors[orders.to(factors.device)].movedim(0, 1).flatten(1)
    named = None if kinds is None else list(kinds) * repeats
    found = information_gaps(
        codes,
        shuffled,
        bins=bins,
        convention=convention,
        kinds=named,
        variances=variances,
        seed=seed,
    )
    parts = zip(found.information.split(count, 1), found.entropies.split(count), strict=True)
    return sum(gaps_of_information(*part).score for part in parts) / repeats
