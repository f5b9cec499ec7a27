"""Scores of how informations concentrate: MED of entropies, EDI of the largest against the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import Targets, checked_rows, probe_targets, varying
from vaescope.metrics.information.contingency import ROUNDING
from vaescope.metrics.information.information_matrix import factor_classes
from vaescope.metrics.information.scores import share
from vaescope.metrics.information.tables import InformationTable, information_table
from vaescope.metrics.prediction.dci_scores import ImportanceScores, importance_scores
from vaescope.metrics.prediction.probes import boosted_probe
from vaescope.tensor_checks import misfit


@dataclass(frozen=True)
class ExclusivityScores:
    """EDI: how exclusively latents and factors inform about each other."""

    # does each latent inform about one factor? mean of `by_latents`, 0 to 1; high is good
    modularity: float
    compactness: float  # is each factor in one latent? mean of `by_factor`, 0 to 1; high is good
    explicitness: float  # share of the factors' entropy that the code holds, 0 to 1; high is good
    by_latents: Tensor  # of each factor, the exclusivity of the latents that serve it, 0 to 1 [K]
    by_factor: Tensor  # exclusivity of each factor's best latent, 0 to 1 [K]
    shares: Tensor  # information of each latent, as a share of what all know of a factor [D, K]
    counted: Tensor  # which factors count: those with two values [K]


def med(table: InformationTable, *, top: int | None = None) -> ImportanceScores:
    """MED: disentanglement and completeness, 0 to 1 (good), of informations as importances.

    Args:
        table: of one sample.
        top: latents that are kept for each factor, the most disentangled of those that know it
            best; None: all. For codes of many latents of which few are of use.

    Returns:
        DCI's scores of the informations, each divided by its factor's sum, and their parts.

    Source: Cao et al. 2022, https://arxiv.org/abs/2206.04756, MED and Top-k MED, in the form of its
    public code. Differs: entropies as they are (the code adds 1e-11); factors with one value have
    no weight (there: NaN). Chance: informations of noise are alike, so that all latents together
    are near 0; the best k of many are above it.

    Example:
        >>> from vaescope.metrics.information.tables import information_table
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> round(med(information_table(factors.double(), factors)).disentanglement, 3)
        1.0
    """
    if table.information.ndim != 2:
        raise misfit("[D, K]", information=table.information)
    if top is not None and top < 1:
        raise ValueError(f"top = {top}, but at least one latent is kept for each factor")
    importances = share(table.information, table.information.sum(0))
    found = importance_scores(importances)
    if top is None:
        return found
    return importance_scores(importances[_top_latents(importances, found.per_code, top)])


def _top_latents(importances: Tensor, disentanglement: Tensor, top: int) -> Tensor:
    """Numbers of the latents that are among the ``top`` of the factor that they know best."""
    best = importances.argmax(1)
    kept = []
    for factor in best.unique():
        own = (best == factor).nonzero().flatten()
        order = disentanglement[own].argsort(descending=True, stable=True)
        kept.append(own[order[:top]])
    return torch.cat(kept)


def exclusivity(shares: Tensor, dim: int) -> Tensor:
    """Largest value less the root mean square of all others along a dimension, 0 and up.

    Args:
        shares: any values, at least 0 [..., M, ...].
        dim: the dimension of M values; of a single one the others are 0.

    Returns:
        One number for each of the other dimensions' places. With shares at most 1 it is 1 where one
        value has all and 0 where all are alike.

    Source: Julka et al. 2024, https://arxiv.org/abs/2410.03056, its exclusivity, in the form of its
    authors' public code. Differs: none.

    Example:
        >>> exclusivity(torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5]]), 1).tolist()
        [1.0, 0.0]
    """
    best = shares.amax(dim)
    left = (shares.square().sum(dim) - best.square()).clamp(min=0)
    return (best - (left / max(shares.shape[dim] - 1, 1)).sqrt()).clamp(min=0)


def edi(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    seed: int = 0,
) -> ExclusivityScores:
    """EDI: modularity, compactness and explicitness, each 0 to 1 (good), by exclusivity.

    Informations I(c_i; z_j) of latents about factors are divided by I(c; z_j), what the whole code
    knows of the factor. Each latent's exclusivity among the factors counts for its best factor, at
    most 1 for each factor; compactness is the exclusivity of latents for each factor.

    Args:
        codes_train, factors_train, codes_test, factors_test, kinds, bins, seed: as in
            `vaescope.metrics`; continuous factors are binned.

    Returns:
        The scores and their parts. Factors with one value do not count; with no other all are 0.

    Source: Julka et al. 2024, "Towards an Improved Metric for Evaluating Disentangled
    Representations", https://arxiv.org/abs/2410.03056, in the form of its authors' public code.
    Differs: informations are counted in bins, as MIG's (there: nearest neighbours); I(c; z_j) is
    the entropy less the cross-entropy of boosted trees on rows that they have not seen, and at
    least the best latent's (there: a neural estimate from four latents on). Both lie below the true
    value. A code that knows nothing is divided by next to nothing: read the first two beside their
    chance levels.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3)).repeat(5, 1)
        >>> found = edi(factors.double(), factors, factors.double(), factors)
        >>> round(found.modularity, 3), round(found.compactness, 3), round(found.explicitness, 3)
        (1.0, 1.0, 1.0)
    """
    train, test = checked_rows(codes_train, factors_train), checked_rows(codes_test, factors_test)
    both = torch.cat([train[0], test[0]]), torch.cat([train[1], test[1]])
    table = information_table(*both, kinds=kinds, bins=bins)
    labels = factor_classes(both[1], kinds=kinds, bins=bins)
    fitted, scored = labels[: len(train[1])], labels[len(train[1]) :]
    counted = varying(fitted)
    of_code = table.information.amax(0)
    if bool(counted.any()):
        columns = counted.nonzero().flatten()
        classes = ("categorical",) * labels.shape[1]
        targets = probe_targets(fitted, scored, classes, columns=columns)
        answers = boosted_probe(train[0], test[0], targets, seed)
        left = table.factor_entropies[columns] - _cross_entropies(answers.test, targets)
        of_code[columns] = of_code[columns].maximum(left.to(of_code))
    of_code = of_code.where(of_code > ROUNDING, 0.0)
    shares = share(table.information, of_code).where(counted, 0.0)
    served = torch.zeros_like(shares).scatter(
        1, shares.argmax(1, keepdim=True), exclusivity(shares, 1)[:, None]
    )
    by_latents, by_factor = served.sum(0).clamp(max=1), exclusivity(shares, 0)
    known = share(of_code, table.factor_entropies)
    return ExclusivityScores(
        _mean(by_latents, counted),
        _mean(by_factor, counted),
        _mean(known, counted),
        by_latents,
        by_factor,
        shares,
        counted,
    )


def _cross_entropies(scores: Tensor, targets: Targets) -> Tensor:
    """Mean cross-entropy of each factor's scores in nats, of rows whose class was fitted [K']."""
    found = []
    for group in targets.groups:
        truth = targets.test[:, group]
        losses = -(truth * scores[:, group].to(truth).log_softmax(1)).sum(1)
        found.append(losses.sum() / truth.sum().clamp(min=1))
    return torch.stack(found)


def _mean(values: Tensor, counted: Tensor) -> float:
    return float(values[counted].mean()) if bool(counted.any()) else 0.0
