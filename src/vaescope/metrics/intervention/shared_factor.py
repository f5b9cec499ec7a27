"""BetaVAE score: can a linear classifier tell which factor two images share?"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.metrics.intervention.factor_groups import (
    SharedValues,
    fixable_factors,
    group_rows,
    pool_rows,
    uniforms,
    value_classes,
)

_CHUNK = 2**20  # values gathered at a time: 8 MB


@dataclass(frozen=True)
class BetaVaeScore:
    """The BetaVAE score.

    Attributes:
        score: share of the evaluation points that are classified right, 0 to 1; high is good.
        train_accuracy: the same share of the training points.
    """

    score: float
    train_accuracy: float


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
    Differs: draws from a pool; the first row of a pair is drawn from rows that share their value
    with another. Chance is the share of the most frequent factor, 1/K, and more if N is so small
    that pairs often are one row twice. The ceiling is 1, also for rotated codes, for latents
    that mix factors and if one factor is not encoded, since the classifier may combine features;
    small scales are held back by the penalty.
    """
    values = pool_rows(codes, factors)
    classes = value_classes(factors, kinds=kinds, bins=bins)
    for name, given in (
        ("batch", batch),
        ("train_points", train_points),
        ("eval_points", eval_points),
    ):
        if given < 1:
            raise ValueError(f"{name} = {given}, but at least 1 is needed")
    groups = group_rows(classes)
    fixable = fixable_factors(classes, groups)
    generator = torch.Generator().manual_seed(seed)
    uniform = uniforms(generator, (train_points + eval_points,), values.device)
    shared = fixable[(uniform * len(fixable)).long()]
    features = _features(values, groups, shared, batch, generator)
    train, evaluation = features.split([train_points, eval_points])
    return _classified(train, shared[:train_points], evaluation, shared[train_points:])


def _features(
    codes: Tensor, groups: SharedValues, shared: Tensor, batch: int, generator: torch.Generator
) -> Tensor:
    """Mean absolute differences [P, D] of pairs that share the given factor [P]."""
    uniform = uniforms(generator, (2, len(shared), batch), codes.device)
    first = groups.draw_anchors(shared[:, None], uniform[0])
    second = groups.draw_partners(shared[:, None], first, uniform[1])
    step = max(1, _CHUNK // (batch * codes.shape[1]))
    parts = []
    for left, right in zip(first.split(step), second.split(step), strict=True):
        gap = codes.index_select(0, left.flatten()) - codes.index_select(0, right.flatten())
        parts.append(gap.abs().view(*left.shape, -1).mean(1))
    return torch.cat(parts)


def _classified(
    train: Tensor, train_labels: Tensor, evaluation: Tensor, eval_labels: Tensor
) -> BetaVaeScore:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if not bool((train_labels != train_labels[0]).any()):
        return BetaVaeScore(float((eval_labels == train_labels[0]).double().mean()), 1.0)
    parts = [part.cpu().numpy() for part in (train, train_labels, evaluation, eval_labels)]
    with warnings.catch_warnings():
        # The score is defined by scikit-learn's 100 iterations, whether they converge or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = LogisticRegression().fit(parts[0], parts[1])
    return BetaVaeScore(
        float(classifier.score(parts[2], parts[3])), float(classifier.score(parts[0], parts[1]))
    )
