"""Downstream accuracy of probes: with few labels, under shift, without a factor's latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.estimators.probe_data import Rows, require_classes, train_and_test, varying
from vaescope.streams import stream
from vaescope.tensor_checks import check_finite, misfit


@dataclass(frozen=True)
class LabelEfficiency:
    """Accuracy of probes that saw few or many labels."""

    scores: Tensor  # mean of `accuracies` over the factors that vary [S], 0 to 1; high is good
    # mean accuracy with the fewest labels over that with the most, 0 to 1; high is good. 1 also for
    # codes that know nothing: read it beside the accuracies
    efficiency: float
    accuracies: Tensor  # share of right answers for each number of labels and factor [S, K]
    chance: Tensor  # share of the most frequent fitted class among the scored rows [S, K]
    sizes: tuple[int, ...]  # numbers of labels [S]


@dataclass(frozen=True)
class ShiftedAccuracy:
    """Accuracy of probes fitted while another factor stood still."""

    score: float  # mean of `accuracies` where counted, 0 to 1; high is good
    gap: float  # one minus `score` over the mean of `unshifted`, at most 1; near 0 is good
    accuracies: Tensor  # of each factor while each other one was fixed [K, K]; 0 where not counted
    unshifted: Tensor  # of probes fitted on as many random rows and scored on the same rows [K, K]
    counted: Tensor  # which pairs count [K, K]: different factors that both vary


@dataclass(frozen=True)
class ReducedAccuracy:
    """Accuracy of probes after the most important latents of a factor were dropped."""

    # mean accuracy of the factor whose latents were dropped, 0 to 1; low is good: nothing about it
    # is left in the other latents
    own: float
    others: float  # mean accuracy of the other factors, 0 to 1; high is good. 0 with one factor
    full: Tensor  # accuracy of each factor from all latents [K]
    accuracies: Tensor  # of each factor (columns) without the latents of each factor (rows) [K, K]


def label_efficiency(
    codes: Tensor,
    factors: Tensor,
    *,
    sizes: Sequence[int] = (100, 1000, 10_000),
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    strength: float = 1.0,
) -> LabelEfficiency:
    """Held-out accuracy of logistic probes by number of labels, 0 to 1 (good).

    Args:
        codes, kinds, test, test_share, seed, strength: as in `vaescope.metrics`.
        factors: classes of the factors [N, K].
        sizes: numbers of labels, ascending; smaller sets are part of larger ones.

    Returns:
        The accuracies. Factors with one value are left out of the means; without any other, these
        are 0. Classes that were not fitted are missed.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, section 5.5. Differs: a fixed
    ``C`` instead of cross-validation; no boosted trees; an efficiency is at most 1. Chance is
    returned.

    Example:
        >>> classes = torch.arange(2).repeat(50)[:, None]
        >>> label_efficiency(classes.double(), classes, sizes=(10, 50)).scores.tolist()
        [1.0, 1.0]
    """
    fitted, scored = _shuffled(codes, factors, kinds, test, test_share, seed)
    if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
        raise ValueError(f"sizes = {list(sizes)}, but ascending numbers of labels are needed")
    if sizes[-1] > len(fitted[0]):
        raise ValueError(f"{sizes[-1]} labels wanted, but only {len(fitted[0])} rows can be fitted")
    found, chance = [], []
    for size in sizes:
        rows = (fitted[0][:size], fitted[1][:size])
        found.append(_accuracies(rows, scored, strength))
        chance.append(_share_of_mode(rows[1], scored[1]))
    accuracies, varies = torch.stack(found), varying(fitted[1])
    scores = torch.zeros_like(accuracies[:, 0])
    if bool(varies.any()):
        scores = accuracies[:, varies].mean(1)
    # Where few labels do better than many the difference is noise.
    efficiency = min(1.0, float(scores[0] / scores[-1])) if scores[-1] > 0 else 0.0
    return LabelEfficiency(scores, efficiency, accuracies, torch.stack(chance), tuple(sizes))


def shifted_accuracy(
    codes: Tensor,
    factors: Tensor,
    *,
    repeats: int = 1,
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    strength: float = 1.0,
) -> ShiftedAccuracy:
    """Accuracy of probes fitted at one value of another factor, scored at its other values.

    Args:
        codes, kinds, test, test_share, seed, strength: as in `vaescope.metrics`.
        factors: classes of the factors [N, K]; more rows are needed the more values they have.
        repeats: random values at which each factor is fixed, at least 1.

    Returns:
        The accuracies; without two factors that vary the score and the gap are 0.

    Source: disentanglement_lib's strong downstream task, Dittadi et al. 2021,
    https://arxiv.org/abs/2010.14407, for the idea. Differs: the unshifted probe has as many labels
    and is scored on the same rows. Chance: share of the most frequent class.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(20, 1)
        >>> shifted_accuracy(factors.double(), factors).score
        1.0
    """
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}, but at least one is needed")
    fitted, scored = _shuffled(codes, factors, kinds, test, test_share, seed)
    varies = varying(fitted[1]) & (scored[1] != fitted[1][:1]).any(0)
    num = factors.shape[1]
    counted = varies[:, None] & varies & ~torch.eye(num, device=varies.device).bool()
    accuracies = fitted[0].new_zeros(num, num)
    unshifted = torch.zeros_like(accuracies)
    for fixed in varies.nonzero().flatten().tolist():
        for repeat in range(repeats):
            rng = stream(seed, f"shifted_accuracy_{fixed}", repeat)
            # a value that can be fitted, while another one can be scored
            values = torch.unique(fitted[1][:, fixed])
            values = values[[bool((scored[1][:, fixed] != value).any()) for value in values]]
            value = values[int(rng.random() * len(values))]
            at, away = fitted[1][:, fixed] == value, scored[1][:, fixed] != value
            rows, elsewhere = _pick(fitted, at), _pick(scored, away)
            some = _pick(fitted, slice(len(rows[0])))
            accuracies[:, fixed] += _accuracies(rows, elsewhere, strength) / repeats
            unshifted[:, fixed] += _accuracies(some, elsewhere, strength) / repeats
    accuracies, unshifted = accuracies.where(counted, 0.0), unshifted.where(counted, 0.0)
    if not bool(counted.any()):
        return ShiftedAccuracy(0.0, 0.0, accuracies, unshifted, counted)
    score, reference = float(accuracies[counted].mean()), float(unshifted[counted].mean())
    gap = 1 - score / reference if reference > 0 else 0.0
    return ShiftedAccuracy(score, gap, accuracies, unshifted, counted)


def reduced_accuracy(
    codes: Tensor,
    factors: Tensor,
    importance: Tensor,
    *,
    drop: int = 1,
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    strength: float = 1.0,
) -> ReducedAccuracy:
    """Accuracy of probes without the most important latents of each factor, 0 to 1.

    Args:
        codes, kinds, test, test_share, seed, strength: as in `vaescope.metrics`.
        factors: classes of the factors [N, K].
        importance: of each latent for each factor [D, K]: information, or importances of trees.
        drop: latents that are dropped for each factor, 0 to D; of equally important ones the first.

    Returns:
        The accuracies. Factors with one value are left out of the means; without any other, these
        are 0. Without any latent left the most frequent class is predicted.

    Source: disentanglement_lib's reduced downstream task (Locatello et al. 2019,
    https://arxiv.org/abs/1811.12359). Differs: logistic probes, importances are given. Chance:
    share of the most frequent class.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(20, 1)
        >>> found = reduced_accuracy(factors.double(), factors, torch.eye(2))
        >>> found.others
        1.0
    """
    fitted, scored = _shuffled(codes, factors, kinds, test, test_share, seed)
    num_latents, num_factors = codes.shape[1], factors.shape[1]
    if importance.shape != (num_latents, num_factors):
        raise misfit(f"[{num_latents}, {num_factors}]", importance=importance)
    check_finite("give 0 to latents without any", importance=importance)
    if not 0 <= drop <= num_latents:
        raise ValueError(f"drop = {drop}, but 0 to {num_latents} latents can be dropped")
    order = importance.argsort(dim=0, descending=True, stable=True)[:drop]
    found = []
    for factor in range(num_factors):
        keep = torch.ones(num_latents, device=codes.device)
        keep[order[:, factor]] = 0  # a constant latent is ignored
        rows = (fitted[0] * keep, fitted[1])
        found.append(_accuracies(rows, (scored[0] * keep, scored[1]), strength))
    accuracies = torch.stack(found)
    varies = varying(fitted[1])
    same = torch.eye(num_factors, device=varies.device).bool()
    both = varies[:, None] & varies
    return ReducedAccuracy(
        _mean(accuracies[both & same]),
        _mean(accuracies[both & ~same]),
        _accuracies(fitted, scored, strength),
        accuracies,
    )


def _shuffled(
    codes: Tensor,
    factors: Tensor,
    kinds: Sequence[str] | None,
    test: Rows | None,
    test_share: float,
    seed: int,
) -> tuple[Rows, Rows]:
    """Rows to fit, in random order, and rows to score."""
    fitted, scored = train_and_test(codes, factors, test=test, test_share=test_share, seed=seed)
    require_classes(torch.cat([fitted[1], scored[1]]), kinds, "bin continuous factors first")
    order = stream(seed, "probe_labels").permutation(len(fitted[0]))
    return _pick(fitted, torch.from_numpy(order).to(codes.device)), scored


def _pick(rows: Rows, which: Tensor | slice) -> Rows:
    return rows[0][which], rows[1][which]


def _accuracies(fitted: Rows, scored: Rows, strength: float) -> Tensor:
    kinds = ("categorical",) * fitted[1].shape[1]
    return fit_logistic(*fitted, kinds=kinds, strength=strength).accuracies(*scored)


def _share_of_mode(fitted: Tensor, scored: Tensor) -> Tensor:
    """Share among scored rows of the most frequent fitted class of each column [K]."""
    shares = []
    for column, truth in zip(fitted.T, scored.T, strict=True):
        values, counts = torch.unique(column, return_counts=True)
        shares.append((truth == values[counts.argmax()]).double().mean())
    return torch.stack(shares)


def _mean(values: Tensor) -> float:
    return float(values.mean()) if values.numel() else 0.0
