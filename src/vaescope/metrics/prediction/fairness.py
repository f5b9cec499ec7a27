"""Unfairness of predictions: do they change with a factor that should not matter?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.metrics.estimators.probe_data import (
    probe_targets,
    require_classes,
    train_and_test,
    varying,
)
from vaescope.metrics.prediction.probes import boosted_probe


def unfairness(predictions: Tensor, sensitive: Tensor) -> Tensor:
    """Unfairness of each prediction to each sensitive factor, 0 (independent; fair) to 1.

    Args:
        predictions: predicted classes of T targets [N, T], integers, from any classifier that was
            fitted to other rows.
        sensitive: values of S factors that should not matter [N, S], integers.

    Returns:
        Total variation between the predictions given a value and the mean of these distributions
        over all values, averaged evenly over the values [T, S], float64; at most 1 - 1 / C for C
        values. 0 for a factor with one value. The mean over pairs of a target and another factor is
        the field's score.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1905.13662; even weights of the
    values as in the public disentanglement_lib. Differs: values are observed instead of set, which
    is the same if factors are independent; otherwise their dependence counts as unfairness. Chance
    is above 0: about sqrt((C - 1)(P - 1) / (2 pi N)) for P evenly predicted classes.

    Example:
        >>> labels = torch.tensor([[0], [0], [1], [1]])
        >>> unfairness(labels, labels).tolist()
        [[0.5]]
    """
    for name, given in (("predictions", predictions), ("sensitive", sensitive)):
        if given.ndim != 2 or 0 in given.shape or given.is_floating_point():
            shape = f"{name} are {given.dtype} {tuple(given.shape)}"
            raise ValueError(f"{shape}, but a non-empty integer matrix is needed")
    if len(predictions) != len(sensitive):
        raise ValueError(f"{len(predictions)} rows of predictions, but {len(sensitive)} of factors")
    columns = [_total_variations(predictions, column) for column in sensitive.T]
    return torch.stack(columns, 1)


def unfairness_of_codes(
    codes_train: Tensor,
    factors_train: Tensor,
    codes_test: Tensor,
    factors_test: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> float:
    """Mean unfairness of predictions from codes over pairs of factors, 0 (fair; good) to 1.

    Args:
        codes_train, codes_test, kinds, seed: as in `vaescope.metrics`.
        factors_train: classes of their factors [N, K].
        factors_test: classes of their factors [M, K].

    Returns:
        Mean over a target and another, sensitive factor that both vary; 0 without such a pair.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1905.13662, as disentanglement_lib's
    "mean_fairness:mean_pred:mean_sens". Differs: as `unfairness`; trees are those of
    `vaescope.metrics.prediction.probes.boosted_probe`.
    """
    fitted, scored = train_and_test(codes_train, factors_train, test=(codes_test, factors_test))
    require_classes(torch.cat([fitted[1], scored[1]]), kinds, "bin continuous factors first")
    columns = varying(fitted[1]).nonzero().flatten()
    if len(columns) < 2:
        return 0.0
    every = ["categorical"] * factors_train.shape[1]
    targets = probe_targets(fitted[1], scored[1], every, columns=columns)
    answers = boosted_probe(fitted[0], scored[0], targets, seed).test
    predicted = torch.stack([answers[:, group].argmax(1) for group in targets.groups], 1)
    truth = scored[1][:, columns]
    sensitive = torch.stack([column.unique(return_inverse=True)[1] for column in truth.T], 1)
    found = unfairness(predicted, sensitive)
    return float(found[~torch.eye(len(columns), dtype=torch.bool, device=found.device)].mean())


def _total_variations(predictions: Tensor, sensitive: Tensor) -> Tensor:
    """Mean total variation of predictions [N, T] over the values of a factor [N], [T]."""
    classes, labels = torch.unique(predictions, return_inverse=True)
    values, groups, counts = torch.unique(sensitive, return_inverse=True, return_counts=True)
    num_targets = labels.shape[1]
    targets = torch.arange(num_targets, device=labels.device)
    cells = (targets * len(values) + groups[:, None]) * len(classes) + labels
    size = num_targets * len(values) * len(classes)
    table = torch.bincount(cells.flatten(), minlength=size).view(num_targets, len(values), -1)
    shares = table.double() / counts[:, None]
    return 0.5 * (shares - shares.mean(1, keepdim=True)).abs().sum(2).mean(1)
