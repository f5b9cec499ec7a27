"""BetaVAE score and FactorVAE score: do codes tell which factor a group of images shares?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic import fit_logistic
from vaescope.metrics.intervention.factor_groups import (
    SharedValues,
    fixable_factors,
    group_rows,
    pool_rows,
    spread,
    uniforms_of_seed,
    value_classes,
)

_CHUNK = 2**17  # values gathered at a time: 1 MB, so that they stay in the cache


@dataclass(frozen=True)
class BetaVaeScore:
    """The BetaVAE score."""

    score: float  # share of the evaluation points that are classified right, 0 to 1; high is good
    train_accuracy: float  # the same share of the training points


def beta_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    batch: int = 64,
    train_points: int = 10_000,
    eval_points: int = 5_000,
    seed: int = 0,
) -> BetaVaeScore:
    """BetaVAE score: 0 (pairs do not tell what they share) to 1 (good).

    A point: choose a factor evenly; draw ``batch`` pairs of rows that share its value, each pair a
    value of its own; the features are the mean absolute differences of the latents. A multinomial
    logistic regression, with an L2 penalty of C = 1 on unscaled features, names the factor.

    Args:
        factors, kinds, seed: as in `vaescope.metrics`.
        codes: one number per latent [N, D], the pool; the field uses the posterior mean.
        bins: classes of about equally many rows that a continuous factor is cut into.
        batch: pairs of a point, at least 1.
        train_points: points that the classifier is fitted to.
        eval_points: points that are scored.

    Returns:
        The score. 1 says nothing if only one factor varies. Factors with one value, or with no
        value that two rows share, are never the shared one. Dead latents have features of 0.

    Raises:
        NoScoreError: if no factor can be shared.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl, section 3; settings of
    Locatello et al. 2019, https://arxiv.org/abs/1811.12359, with scikit-learn's default classifier.
    Differs: the classifier is at the minimum, not where 100 iterations lead (scores within 0.002);
    draws from a pool; the first row of a pair is drawn from rows that share their value
    with another. Chance is the share of the most frequent factor, 1/K, and more if N is so small
    that pairs often are one row twice. The ceiling is 1, also for rotated codes, for latents
    that mix factors and if one factor is not encoded, since the classifier may combine features;
    small scales are held back by the penalty.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> beta_vae_score(factors.double(), factors, train_points=200, eval_points=100).score
        1.0
    """
    _check_at_least(1, batch=batch, train_points=train_points, eval_points=eval_points)
    values = pool_rows(codes, factors)
    classes = value_classes(factors, kinds=kinds, bins=bins)
    groups = group_rows(classes)
    fixable = fixable_factors(classes, groups)
    points = train_points + eval_points
    of_factor, of_rows = uniforms_of_seed(seed, ((points,), (2, points, batch)), values.device)
    shared = fixable[(of_factor * len(fixable)).long()]
    features = _features(values, groups, shared, of_rows)
    train, evaluation = features.split([train_points, eval_points])
    return _classify(train, shared[:train_points], evaluation, shared[train_points:])


@dataclass(frozen=True)
class FactorVaeScore:
    """The FactorVAE score and the votes behind it."""

    # share of the evaluation votes that the majority vote names right, 0 to 1; high is good
    score: float
    train_accuracy: float  # the same share of the training votes
    # how often each latent varied least while each factor was fixed [D, K], int64
    train_votes: Tensor
    eval_votes: Tensor  # the same of the evaluation votes [D, K]
    active: Tensor  # latents that may vote [D], booleans

    @property
    def num_active_dims(self) -> int:
        """Number of latents that may vote, 0 to D."""
        return int(self.active.sum())


def factor_vae_score(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    batch: int = 64,
    train_votes: int = 10_000,
    eval_votes: int = 5_000,
    variance_rows: int | None = None,
    threshold: float = 0.05,
    seed: int = 0,
) -> FactorVaeScore:
    """FactorVAE score: 0 (latents do not tell which factor is fixed) to 1 (good).

    A vote: choose a factor evenly and a value as frequent as in the pool; draw ``batch`` rows with
    that value, with replacement; the latent of the smallest variance, relative to its variance over
    the pool, names the factor. A majority vote per latent is learnt from the training votes. If the
    pool is the whole table of states, rows are drawn as if every other factor were drawn evenly.

    Args:
        codes, factors, kinds, bins, seed: as in `beta_vae_score`.
        batch: rows of a vote, at least 2.
        train_votes: votes that the majority is learnt from.
        eval_votes: votes that are scored.
        variance_rows: rows drawn with replacement for the latents' overall variances; None: the
            whole pool.
        threshold: latents whose standard deviation over the pool is smaller may not vote, in the
            units of the codes. Constant latents never vote, also at 0; in the published code their
            0 / 0 wins every vote.

    Returns:
        The score and the votes. 0 if no latent may vote; 1 says nothing if only one factor varies.
        Factors with one value, or with no value that two rows share, are never fixed. Rows that
        share their value with no other are never the fixed ones. Equally small variances: the first
        latent.

    Raises:
        NoScoreError: if no factor can be fixed.

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, section 4; settings of Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359. Differs: draws from a pool; variances of the whole
    pool by default; ``num_active_dims`` counts, while their code returns D. Chance is the share of
    the most frequent factor, 1/K, and more if N is so small that groups differ by accident. The
    ceiling is 1 for any code in which each latent follows one factor, however many latents share it
    and however much noise they have, up to a rotation by nearly 45 degrees.

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> factor_vae_score(factors.double(), factors, train_votes=200, eval_votes=100).score
        1.0
    """
    _check_at_least(1, train_votes=train_votes, eval_votes=eval_votes)
    _check_at_least(2, batch=batch, variance_rows=2 if variance_rows is None else variance_rows)
    values = pool_rows(codes, factors)
    classes = value_classes(factors, kinds=kinds, bins=bins)
    votes = train_votes + eval_votes
    shapes = ((variance_rows or 0,), (votes, batch + 2))
    of_variance, uniform = uniforms_of_seed(seed, shapes, values.device)
    pool = values
    if variance_rows is not None:
        pool = values.index_select(0, (of_variance * len(values)).long())
    std = spread(pool)
    active = (std >= threshold) & (std > 0)
    groups = group_rows(classes)
    fixable = fixable_factors(classes, groups)
    tables = classes.new_zeros(2, values.shape[1], classes.shape[1])
    if bool(active.any()):
        fixed = fixable[(uniform[:, 0] * len(fixable)).long()]
        least = _least_varying(values[:, active] / std[active], groups, fixed, uniform[:, 1:])
        voted = active.nonzero().flatten()[least]
        part = (torch.arange(len(fixed), device=fixed.device) >= train_votes).long()
        cells = (part * tables.shape[1] + voted) * tables.shape[2] + fixed
        tables = torch.bincount(cells, minlength=tables.numel()).view(tables.shape)
    named = tables[0].argmax(1, keepdim=True)
    of_train, of_evaluation = (
        float(votes.gather(1, named).sum()) / max(1, int(votes.sum())) for votes in tables
    )
    return FactorVaeScore(of_evaluation, of_train, tables[0], tables[1], active)


def _features(codes: Tensor, groups: SharedValues, shared: Tensor, uniform: Tensor) -> Tensor:
    """Mean absolute differences [P, D] of pairs that share the given factor [P].

    Random numbers [2, P, B] choose the first and the second rows of the pairs.
    """
    features = codes.new_empty(len(shared), codes.shape[1])
    for part in _chunks(len(shared), uniform.shape[2] * codes.shape[1]):
        own = shared[part, None]
        first = groups.draw_anchors(own, uniform[0, part])
        second = groups.draw_partners(own, first, uniform[1, part])
        gap = _rows(codes, first).sub_(_rows(codes, second)).abs_()
        torch.mean(gap, 1, out=features[part])
    return features


def _classify(
    train: Tensor, train_labels: Tensor, evaluation: Tensor, eval_labels: Tensor
) -> BetaVaeScore:
    if not bool((train_labels != train_labels[0]).any()):
        return BetaVaeScore(float((eval_labels == train_labels[0]).double().mean()), 1.0)
    labels = train_labels[:, None]
    probe = fit_logistic(
        train, labels, kinds=("categorical",), strength=1.0, standardise=False, tolerance=1e-6
    )
    of_evaluation = probe.accuracies(evaluation, eval_labels[:, None])
    return BetaVaeScore(float(of_evaluation), float(probe.accuracies(train, labels)))


def _least_varying(scaled: Tensor, groups: SharedValues, fixed: Tensor, uniform: Tensor) -> Tensor:
    """The column of codes [N, A] with the smallest variance among the rows of each vote [V].

    Random numbers [V, 1 + B] choose the value of the fixed factor, then the rows.
    """
    size = uniform.shape[1] - 1
    least = torch.empty_like(fixed)
    for part in _chunks(len(fixed), size * scaled.shape[1]):
        own, random = fixed[part, None], uniform[part]
        anchors = groups.draw_anchors(own, random[:, :1])
        drawn = _rows(scaled, groups.draw_partners(own, anchors, random[:, 1:]))
        # Relative to the first row, values that are all equal have a variance of exactly 0; this
        # takes half the time of `Tensor.var`.
        apart = drawn.sub_(drawn[:, :1].clone())
        sums = apart.sum(1)
        least[part] = (apart.square_().sum(1) - sums.square_() / size).argmin(1)
    return least


def _rows(codes: Tensor, rows: Tensor) -> Tensor:
    """Rows [P, B, D] of codes [N, D] with these numbers [P, B]."""
    return codes.index_select(0, rows.flatten()).view(*rows.shape, -1)


def _chunks(number: int, values: int) -> list[slice]:
    """Slices of so many points, each with so many values, that stay in the cache."""
    step = max(1, _CHUNK // values)
    return [slice(begin, begin + step) for begin in range(0, number, step)]


def _check_at_least(least: int, **given: int) -> None:
    for name, number in given.items():
        if number < least:
            raise ValueError(f"{name} = {number}, but at least {least} is needed")
