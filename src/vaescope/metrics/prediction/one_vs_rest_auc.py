"""Explicitness: area under the ROC curve of a linear classifier of each class against the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vaescope.metrics.estimators.logistic import LogisticProbes, fit_logistic
from vaescope.metrics.estimators.probe_data import (
    Rows,
    class_numbers,
    require_classes,
    train_and_test,
)
from vaescope.tensor_checks import misfit

Scale = Literal["auc", "unit"]


@dataclass(frozen=True)
class Explicitness:
    """The explicitness score and what it is made of."""

    # mean of `factors` over the factors that have one, on the rows scored; high is good
    score: float
    train_score: float  # the same on the fitted rows
    # mean area under the curve of the classes of each factor [K]; chance for a factor with one
    # value
    factors: Tensor
    train_factors: Tensor  # the same on the fitted rows [K]


def roc_auc(scores: Tensor, labels: Tensor) -> Tensor:
    """Area under the ROC curve of each class against the rest, 0 to 1 (good); chance is 0.5.

    Args:
        scores: how much each row looks like each class [N, C].
        labels: class numbers [N]; -1 belongs to no class.

    Returns:
        Areas [C], float64: the probability that a row of the class scores higher than another one,
        ties counting half. NaN for a class that no row or every row has: it is not defined.

    Source: Hanley & McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747, as the
    Mann-Whitney statistic. Differs: none.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> roc_auc(scores, torch.tensor([0, 1, 0])).tolist()
        [1.0, 1.0]
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or scores.shape[0] == 0:
        raise misfit("[N, C] and [N]", scores=scores, labels=labels)
    if bool(scores.isnan().any()):
        raise ValueError("scores hold NaN: every row needs a score for every class")
    columns, classes = scores.detach().T.cpu().numpy(), labels.cpu().numpy()
    sums = np.zeros((2, len(columns)))
    for number, (column, ordered) in enumerate(zip(columns, np.sort(columns, 1), strict=True)):
        own = column[classes == number]
        last = np.searchsorted(ordered, own, "right")  # equal scores share their mean rank
        sums[:, number] = len(own), (np.searchsorted(ordered, own) + 1 + last).sum() / 2
    count, rank_sum = torch.from_numpy(sums).to(scores.device)
    return (rank_sum - count * (count + 1) / 2) / (count * (len(labels) - count))


def explicitness(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
    scale: Scale = "auc",
    strength: float | None = 1.0,
) -> Explicitness:
    """Explicitness: 0.5 (chance) to 1 (good) as an area, 0 to 1 (good) on the scale ``"unit"``.

    A multinomial logistic regression predicts each factor from all standardised latents; the area
    under the ROC curve of each class against the rest is averaged over classes, then factors.

    Args:
        codes, kinds, test, test_share, seed: as in `vaescope.metrics`.
        factors: classes of the factors [N, K].
        scale: ``"auc"`` as published; ``"unit"`` is twice the area minus 1, so that chance is 0.
        strength: scikit-learn's ``C`` of the regression; None: no penalty.

    Returns:
        The scores. Constant latents are ignored. A class that no row or every row has is left out
        of the mean; a class that was not fitted has area 0.5. Factors without an area are left
        out; with no other the score is chance.

    Source: Ridgeway & Mozer 2018, https://arxiv.org/abs/1802.05312, section 3; settings of
    disentanglement_lib. Differs: constant latents and missing classes are defined. Ceiling: 1, but
    a code equal to an ordered factor stays a little below it with a penalty (0.987 for dSprites
    sizes and 10,000 rows).

    Example:
        >>> classes = torch.arange(2).repeat(20)[:, None]
        >>> explicitness(classes.double(), classes).score
        1.0
    """
    if scale not in ("auc", "unit"):
        raise ValueError(f"scale = {scale!r}, but 'auc' or 'unit' is needed")
    fitted, scored = train_and_test(codes, factors, test=test, test_share=test_share, seed=seed)
    require_classes(torch.cat([fitted[1], scored[1]]), kinds, "bin continuous factors first")
    probes = fit_logistic(*fitted, kinds=kinds, strength=strength)
    train, held_out = (explicitness_of_probes(probes, *rows, scale) for rows in (fitted, scored))
    return Explicitness(held_out[0], train[0], held_out[1], train[1])


def explicitness_of_probes(
    probes: LogisticProbes, codes: Tensor, factors: Tensor, scale: Scale = "auc"
) -> tuple[float, Tensor]:
    """`explicitness` of fitted probes on some rows: mean over factors, and each factor's [K]."""
    areas = []
    for log_p, classes, truth in zip(
        probes.log_probabilities(codes), probes.classes, factors.T, strict=True
    ):
        found = roc_auc(log_p, class_numbers(truth, classes))
        unseen = len(torch.unique(truth[~torch.isin(truth, classes)]))
        areas.append(torch.cat([found, found.new_full((unseen,), 0.5)]).nanmean())
    per_factor = torch.stack(areas)
    score = per_factor.nanmean().nan_to_num(0.5)
    per_factor = per_factor.nan_to_num(0.5)
    if scale == "unit":
        score, per_factor = 2 * score - 1, 2 * per_factor - 1
    return float(score), per_factor
