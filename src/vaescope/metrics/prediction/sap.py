"""SAP: separated attribute predictability, the best latent of a factor less the second best."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import (
    Rows,
    checked_rows,
    require_classes,
    train_and_test,
    varying,
)
from vaescope.metrics.estimators.squared_hinge import fit_one_latent_machines, sort_latents
from vaescope.tensor_checks import misfit


@dataclass(frozen=True)
class SeparatedPredictability:
    """A SAP score and what it is made of."""

    score: float  # mean of `gaps` over the factors that vary, 0 to 1; high is good
    gaps: Tensor  # best minus second-best latent [K], 0 to 1; 0 for a factor with one value
    # of each factor from each latent alone [D, K], 0 to 1: test accuracy, or squared correlation
    predictability: Tensor


def sap_from_matrix(
    predictability: Tensor, varies: Tensor | None = None, chance: Tensor | None = None
) -> SeparatedPredictability:
    """SAP score of a matrix of predictabilities, 0 (no factor has its own latent) to 1 (good).

    Args:
        predictability: of each factor from each latent alone [D, K], 0 to 1.
        varies: which factors count [K]. None: all.
        chance: what stands for the second best of a single latent [K]. None: 0.

    Returns:
        The score with its parts; with no factor that counts the score is 0.

    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3. Differs: a single latent
    is compared with ``chance``.

    Example:
        >>> sap_from_matrix(torch.tensor([[1.0, 0.5], [0.25, 0.5]])).gaps.tolist()
        [0.75, 0.0]
    """
    if predictability.ndim != 2 or 0 in predictability.shape:
        raise misfit("[D, K]", predictability=predictability)
    if bool(predictability.isnan().any()):
        raise ValueError("predictability holds NaN: give 0 for latents that predict nothing")
    ordered = predictability.double().sort(dim=0, descending=True).values
    alone = torch.zeros_like(ordered[0]) if chance is None else chance.to(ordered)
    second = ordered[1] if len(ordered) > 1 else alone
    varies = torch.ones_like(second, dtype=torch.bool) if varies is None else varies
    gaps = (ordered[0] - second).clamp(min=0).where(varies, 0.0)
    score = float(gaps[varies].mean()) if bool(varies.any()) else 0.0
    return SeparatedPredictability(score, gaps, predictability)


def sap_discrete(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    strength: float = 0.01,
) -> SeparatedPredictability:
    """SAP score of factors with classes, 0 to about `sap_ceiling` (good; far below 1).

    A linear support vector machine predicts each factor from each latent alone; the share of right
    answers on held-out rows counts. Such a machine cannot tell ordered classes in the middle from
    each other, so that even a perfect code scores about 0.25 with the sizes of dSprites (3, 6, 40,
    32, 32): read the score beside `sap_ceiling`.

    Args:
        codes, kinds, test, test_share, seed: as in `vaescope.metrics`.
        factors: classes of the factors [N, K].
        strength: of the loss against the squared weights; the field uses 0.01. The penalty makes
            the score depend on the scale of the codes: 0.30 became 0.23 at three tenths of it.

    Returns:
        The score with its parts. A constant latent predicts one class. A single latent is compared
        with the share of the most frequent class. A factor with one value among the fitted rows
        is left out; with no other the score is 0. Classes that were not fitted are missed.

    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3, with the classifier of
    disentanglement_lib (Locatello et al. 2019, https://arxiv.org/abs/1811.12359). Differs: the
    paper fits thresholds; exact minimum instead of liblinear's tolerance (scores within 0.0005).
    Chance: noise of the best of D accuracies, about sqrt(1 / test rows).

    Example:
        >>> classes = torch.arange(2).repeat(20)[:, None]
        >>> sap_discrete(classes.double(), classes).predictability.tolist()
        [[1.0]]
    """
    if not strength > 0:
        raise ValueError(f"strength = {strength}, but a positive number is needed")
    fitted, scored = train_and_test(codes, factors, test=test, test_share=test_share, seed=seed)
    both = torch.cat([fitted[1], scored[1]])
    require_classes(both, kinds, "use sap_continuous, or bin continuous factors first")
    frequent = [_most_frequent(factor) for factor in fitted[1].T]
    chance = (scored[1] == torch.stack(frequent)).double().mean(0)
    found, varies = chance.repeat(fitted[0].shape[1], 1), varying(fitted[1])
    latents, factors = sort_latents(fitted[0]), fitted[1][:, varies]
    machines = fit_one_latent_machines(latents, factors, strength=strength) if varies.any() else []
    for place, machine in zip(varies.nonzero().flatten().tolist(), machines, strict=True):
        found[:, place] = machine.accuracies(scored[0], scored[1][:, place])
    return sap_from_matrix(found, varies, chance)


def _most_frequent(factor: Tensor) -> Tensor:
    classes, counts = torch.unique(factor, return_counts=True)
    return classes[counts.argmax()]


def sap_continuous(
    codes: Tensor, factors: Tensor, *, min_variance: float = 1e-12
) -> SeparatedPredictability:
    """SAP score by squared correlations, 0 (no factor has its own latent) to 1 (good).

    Args:
        codes: one number per latent [N, D]; the field uses the posterior mean.
        factors: values of the factors [N, K], read as numbers. Circular and categorical factors
            have no line to correlate with: leave them out.
        min_variance: latents and factors of at most this variance count as constant.

    Returns:
        The score with its parts. A constant latent has correlation 0. A factor that is constant is
        left out; with no other the score is 0. A single latent is compared with 0.

    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3. Differs: none; the limit
    of the variance is that of disentanglement_lib. Chance: below about 2 log(D) / N. Ceiling: 1 for
    latents that are linear in independent factors, less if sampled factors are correlated.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4.0), torch.arange(3.0))
        >>> round(sap_continuous(factors, factors).score, 3)
        1.0
    """
    codes, factors = checked_rows(codes, factors, least=2)
    x, y = codes - codes.mean(0), factors.double() - factors.double().mean(0)
    divisor = len(x) - 1
    var_x, var_y = x.square().sum(0) / divisor, y.square().sum(0) / divisor
    live_x, live_y = var_x > min_variance, var_y > min_variance
    product = var_x.where(live_x, 1.0)[:, None] * var_y.where(live_y, 1.0)
    squared = (x.T @ y / divisor).square() / product
    squared = squared.where(live_x[:, None] & live_y, 0.0)
    return sap_from_matrix(squared, live_y)


def sap_ceiling(
    factors: Tensor,
    *,
    test: Tensor | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    strength: float = 0.01,
) -> float:
    """Discrete SAP of a perfect code, 0 to 1: what a discrete SAP is to be compared with.

    Args:
        factors: classes of the factors [N, K], in a sensible order.
        test: factors to score on [M, K]; None: a random part, as in `sap_discrete`.
        test_share, seed, strength: as in `sap_discrete`.

    Returns:
        Discrete SAP of the code with one latent per factor: its value, standardised. Not a
        strict bound: unevenly spaced codes can be separated better.

    Example:
        >>> round(sap_ceiling(torch.arange(3).repeat(40)[:, None]), 2)
        0.38
    """
    checked_rows(factors.double(), factors, least=2)
    mean, std = factors.double().mean(0), factors.double().std(0)
    std = std.where(std > 0, 1.0)
    rows = None if test is None else ((test.double() - mean) / std, test)
    return sap_discrete(
        (factors.double() - mean) / std,
        factors,
        kinds=("ordinal",) * factors.shape[1],
        test=rows,
        test_share=test_share,
        seed=seed,
        strength=strength,
    ).score
