"""Nearest-neighbour score: how much better the best latent predicts than the second best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import checked_rows
from vaescope.streams import stream

Normaliser = Literal["transcribed", "excess"]

_HELD_OUT = 5  # one sample in five is scored


@dataclass(frozen=True)
class NeighbourScore:
    """The nearest-neighbour disentanglement score and what it is made of."""

    score: float  # mean of `gaps` over the factors that vary, 0 to 1; high is good
    # how well each latent alone predicts each factor [K, D]: standard deviation minus error, in the
    # factor's units, or a share of right answers; 0 or above
    accuracies: Tensor
    # what a gap is divided by [K]: the factor's standard deviation, or as `discrete` of
    # `neighbour_score` says
    normalisers: Tensor
    gaps: Tensor  # best minus second-best accuracy over the normaliser [K], clipped to 0 to 1


def neighbour_score(
    codes: Tensor,
    factors: Tensor,
    *,
    continuous: Sequence[bool],
    neighbours: int = 5,
    discrete: Normaliser = "transcribed",
    seed: int = 0,
) -> NeighbourScore:
    """Nearest-neighbour disentanglement score: 0 (no factor has its own latent) to 1 (good).

    A random 80 % of the samples is remembered, the other 20 % is scored. Among equally distant
    codes the lower one counts as nearer; equal codes come in the random order of the split; among
    equally frequent classes the smallest wins.

    Args:
        codes, factors, seed: as in `vaescope.metrics`.
        continuous: for each factor, whether its value is regressed (True) or classified [K].
        neighbours: how many of the nearest codes, with equal weights, make a prediction.
        discrete: how a classified factor is normalised. ``"transcribed"``: accuracies are shares
            of right answers, divided by that of the best constant answer. With C equally frequent
            values a perfect latent beside useless ones has (1 - 1/C) / (1/C) = C - 1, so that the
            clip to 1 is reached by a gap of 1/C already: high scores of factors with many values
            say little. ``"excess"``: accuracy above the best constant answer, at least 0, divided
            by the most it can be: 1 needs a perfect latent, as for regressed factors.

    Returns:
        The score and its parts, float64, by the scored samples alone. A single latent is compared
        with the best constant answer. A factor with one value among the scored samples has gap 0
        and is left out of the score; with no other factor the score is 0. A constant latent never
        beats the best constant answer.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, eqs. 65-70. Differs: the paper
    does not state the rules for ties, for a single latent and for the clip; ``"excess"`` is ours.

    Example:
        >>> line = torch.linspace(0, 1, 100)[:, None]
        >>> round(neighbour_score(line, line, continuous=[True]).score, 2)
        0.97
    """
    _check(codes, factors, continuous, neighbours, discrete)
    rng = stream(seed, "neighbour_score")
    order = torch.from_numpy(rng.permutation(len(codes))).to(codes.device)
    fitted, scored = order[-(-len(order) // _HELD_OUT) :], order[: -(-len(order) // _HELD_OUT)]
    regressed = torch.tensor(list(continuous), device=codes.device)
    values = factors.detach()[:, regressed].double()
    _, labels = torch.unique(factors[:, ~regressed], return_inverse=True)  # keeps their order
    accuracies = codes.new_zeros((len(regressed), codes.shape[1]), dtype=torch.float64)
    for latent, code in enumerate(codes.detach().double().T):
        sorted_codes, rows = code[fitted].sort(stable=True)
        nearest = fitted[rows][_nearest(sorted_codes, code[scored], neighbours)]
        error = (values[nearest].mean(1) - values[scored]).square().mean(0).sqrt()
        accuracies[regressed, latent] = (_spread(values[scored]) - error).clamp(min=0)
        accuracies[~regressed, latent] = _classification(labels[nearest], labels[scored])
    constants = torch.zeros_like(accuracies[:, 0])
    constants[~regressed] = _share_of_mode(labels[scored])
    normalisers = constants.clone()
    normalisers[regressed] = _spread(values[scored])
    if discrete == "excess":
        accuracies = (accuracies - constants[:, None]).clamp(min=0)
        normalisers[~regressed] = 1 - constants[~regressed]
        constants = torch.zeros_like(constants)
    varies = (factors[scored] != factors[scored[0]]).any(0)
    best, second = accuracies.amax(1), constants  # of a single latent
    if accuracies.shape[1] > 1:
        best, second = accuracies.topk(2, dim=1).values.unbind(1)
    gaps = ((best - second) / normalisers.where(varies, 1.0)).clamp(0, 1).where(varies, 0.0)
    score = float(gaps[varies].mean()) if bool(varies.any()) else 0.0
    return NeighbourScore(score, accuracies, normalisers, gaps)


def neighbour_chance(
    codes: Tensor,
    factors: Tensor,
    *,
    continuous: Sequence[bool],
    neighbours: int = 5,
    discrete: Normaliser = "transcribed",
    seed: int = 0,
    repeats: int = 5,
) -> float:
    """Nearest-neighbour score that these codes reach by chance, 0 to 1: mean over shuffles.

    Args:
        codes, continuous, neighbours, discrete, seed: as in `neighbour_score`.
        factors: values of the factors [N, K]; whole rows are shuffled against the codes.
        repeats: number of shuffles, at least 1.

    Returns:
        The mean score, the null of a permutation test. Near 0 for regressed factors; for
        classified ones the best of D noisy shares of right answers, above 0 as long as N is small.

    Example:
        >>> line = torch.linspace(0, 1, 100)[:, None]
        >>> round(neighbour_chance(line, line, continuous=[True]), 2)
        0.01
    """
    if repeats < 1:
        raise ValueError(f"repeats = {repeats}, but at least one shuffle is needed")
    scores = []
    for repeat in range(repeats):
        order = torch.from_numpy(stream(seed, "neighbour_chance", repeat).permutation(len(factors)))
        found = neighbour_score(
            codes,
            factors[order.to(factors.device)],
            continuous=continuous,
            neighbours=neighbours,
            discrete=discrete,
            seed=seed,
        )
        scores.append(found.score)
    return sum(scores) / repeats


def _nearest(sorted_codes: Tensor, queries: Tensor, neighbours: int) -> Tensor:
    """Places [Q, k] of the k nearest sorted codes [F]: always k in a row."""
    last = len(sorted_codes) - neighbours
    middle = torch.searchsorted(sorted_codes, queries)[:, None]
    steps = torch.arange(neighbours, device=queries.device)
    # The row starting at `start` should move up if its first code is farther than the next one.
    start = middle - neighbours + steps
    first = sorted_codes[start.clamp(0, len(sorted_codes) - 1)]
    behind = sorted_codes[(start + neighbours).clamp(0, len(sorted_codes) - 1)]
    farther = queries[:, None] - first > behind - queries[:, None]
    moves = (start < 0) | (farther & (start < last))
    return (middle - neighbours + moves.sum(1, keepdim=True)).clamp(0, last) + steps


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of each column, also without columns, where `Tensor.std` warns."""
    return (values - values.mean(0)).square().mean(0).sqrt()


def _classification(nearest: Tensor, truth: Tensor) -> Tensor:
    """Share of truths [Q, K] that most neighbours [Q, k, K] have; the smaller label if equal."""
    votes = (nearest[:, :, None] == nearest[:, None]).sum(2)
    is_most = votes == votes.amax(1, keepdim=True)
    answer = nearest.where(is_most, torch.iinfo(nearest.dtype).max).amin(1)
    return (answer == truth).double().mean(0)


def _share_of_mode(labels: Tensor) -> Tensor:
    """Share of the most frequent label in each column [Q, K], [K]."""
    columns = [torch.unique(column, return_counts=True)[1].max() for column in labels.T]
    return torch.stack(columns).double() / len(labels) if columns else labels.new_zeros(0).double()


def _check(
    codes: Tensor, factors: Tensor, continuous: Sequence[bool], neighbours: int, discrete: str
) -> None:
    checked_rows(codes, factors)
    if len(continuous) != factors.shape[1]:
        given = f"{len(continuous)} flags in continuous, but {factors.shape[1]} factors"
        raise ValueError(f"{given}: give one for each factor")
    fitted = len(codes) - -(-len(codes) // _HELD_OUT)
    if not 1 <= neighbours <= fitted:
        raise ValueError(
            f"neighbours = {neighbours}, but 1 to {fitted} are possible: 80 % of {len(codes)} rows"
        )
    if discrete not in ("transcribed", "excess"):
        raise ValueError(f"discrete = {discrete!r}, but 'transcribed' or 'excess' is needed")
