"""Mutual information gap: is each factor held by one latent alone?"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.mutual_information import discretise, entropy, mutual_information

Convention = Literal["dlib", "both_binned"]


@dataclass(frozen=True)
class InformationGaps:
    """The mutual information gap and what it is made of.

    Attributes:
        score: mean of ``gaps`` over the factors that vary, 0 to 1; high is good.
        gaps: best minus second-best latent as a share of the factor's entropy [K], 0 to 1; 0 for
            a factor with one value.
        information: mutual information of latents and factors [D, K], nats.
        entropies: entropies of the factors [K], nats.
    """

    score: float
    gaps: Tensor
    information: Tensor
    entropies: Tensor


def information_gaps(
    codes: Tensor, factors: Tensor, *, bins: int = 20, convention: Convention = "dlib"
) -> InformationGaps:
    """Mutual information gap with its parts: 0 (no factor has a latent of its own) to 1 (good).

    Args:
        codes: one number per latent [N, D]; the field uses the posterior mean.
        factors: values of the factors [N, K]. Integers are classes; floating-point factors are
            continuous and binned like the codes.
        bins: equal-width bins over each latent's sample range.
        convention: ``"dlib"`` bins the codes only, so that a factor with more than ``bins`` values
            cannot reach 1 (see `mig_ceiling`); ``"both_binned"`` bins integer factors too.

    Returns:
        The score, the gap per factor, the information matrix and the entropies. With one latent
        the second best is 0. Factors with one value are left out of the score; with no other
        factor the score is 0.

    Raises:
        ValueError: if shapes do not fit, codes are not finite or the convention is unknown.

    Source: Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs",
    https://arxiv.org/abs/1802.04942, eq. 6; binning of Locatello et al. 2019,
    https://arxiv.org/abs/1811.12359. Differs: Chen et al. integrate over q(z|x), without bins.
    """
    labels = _factor_labels(factors, bins, convention)
    return _gaps_of_labels(discretise(codes, bins), labels)


def mutual_information_gap(
    codes: Tensor, factors: Tensor, *, bins: int = 20, convention: Convention = "dlib"
) -> float:
    """Mutual information gap (MIG), 0 (no factor has a latent of its own) to 1 (good).

    Args:
        codes: one number per latent [N, D].
        factors: values of the factors [N, K], as in `information_gaps`.
        bins: equal-width bins over each latent's sample range.
        convention: what is binned, as in `information_gaps`.

    Returns:
        The mean gap over the factors that vary.

    Raises:
        ValueError: as `information_gaps`.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 6. Differs: as
    `information_gaps`.
    """
    return information_gaps(codes, factors, bins=bins, convention=convention).score


def mig_ceiling(factors: Tensor, bins: int = 20, convention: Convention = "dlib") -> float:
    """MIG of a perfect code, 0 to 1: the value to compare a MIG with, under the same binning.

    Args:
        factors: values of the factors [N, K], as in `information_gaps`.
        bins: equal-width bins over each latent's sample range.
        convention: what is binned, as in `information_gaps`.

    Returns:
        MIG of the code with one latent per factor, equal to the factor's value. Below 1 if a
        factor has more than ``bins`` values or if the sampled factors depend on each other.

    Raises:
        ValueError: as `information_gaps`.

    Source: none known. Differs: not a strict bound, a code that stretches a factor's rare values
    fills the bins differently.
    """
    return mutual_information_gap(factors.double(), factors, bins=bins, convention=convention)


def mig_chance(
    codes: Tensor,
    factors: Tensor,
    seed: int = 0,
    repeats: int = 5,
    *,
    bins: int = 20,
    convention: Convention = "dlib",
) -> float:
    """MIG that these codes reach by chance, 0 to 1: mean over factors shuffled against the codes.

    Args:
        codes: one number per latent [N, D].
        factors: values of the factors [N, K]; whole rows are shuffled.
        seed: of the shuffles.
        repeats: number of shuffles, at least 1.
        bins: equal-width bins over each latent's sample range.
        convention: what is binned, as in `information_gaps`.

    Returns:
        The mean score. It falls as 1/N, so it tells when N is too small.

    Raises:
        ValueError: as `information_gaps`, or if ``repeats`` is below 1.

    Source: none known; a permutation test's null mean. Differs: not applicable.
    """
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}, but at least one shuffle is needed")
    binned, labels = discretise(codes, bins), _factor_labels(factors, bins, convention)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(labels), generator=generator) for _ in range(repeats)]
    scores = [_gaps_of_labels(binned, labels[order.to(labels.device)]).score for order in orders]
    return sum(scores) / repeats


def _gaps_of_labels(binned: Tensor, labels: Tensor) -> InformationGaps:
    information, entropies = mutual_information(binned, labels), entropy(labels)
    ordered = information.sort(dim=0, descending=True).values
    second = ordered[1] if len(ordered) > 1 else torch.zeros_like(ordered[0])
    varies = entropies > 0
    gaps = torch.where(varies, (ordered[0] - second) / entropies.where(varies, 1.0), 0.0)
    score = float(gaps[varies].mean()) if bool(varies.any()) else 0.0
    return InformationGaps(score, gaps, information, entropies)


def _factor_labels(factors: Tensor, bins: int, convention: Convention) -> Tensor:
    if convention not in ("dlib", "both_binned"):
        raise ValueError(f"convention = {convention!r}, but 'dlib' or 'both_binned' is needed")
    if convention == "both_binned" or factors.is_floating_point():
        return discretise(factors, bins)
    return factors
