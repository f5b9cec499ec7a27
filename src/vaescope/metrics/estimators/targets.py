"""Targets of probes: factors as columns of classes or of values."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from vaescope.metrics.estimators.probe_data import class_numbers, factor_kinds, target_columns
from vaescope.metrics.kinds import resolved_kinds


@dataclass(frozen=True)
class Targets:
    """The K factors that vary, as columns: one per class, or one or two per value.

    Attributes:
        train: one-hot classes or standardised values of the training rows [N, C], float64.
        test: the same of the test rows [M, C]; a class without training rows is all zeros.
        groups: the columns of each factor [K].
        classes: for each factor, whether its columns are classes [K].
    """

    train: Tensor
    test: Tensor
    groups: tuple[slice, ...]
    classes: tuple[bool, ...]

    def losses(self, scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of the answers to all rows, and losses to compare them with.

        Args:
            scores: answers of a probe [n, C]; the class with the highest one is named.
            truth: the columns to compare with [n, C], ``train`` or ``test``.

        Returns:
            Losses [n, K]: for classes 1 if the named one is wrong, otherwise squared errors. And
            losses of reference [n, K]: for classes 1, otherwise squared distances from the mean of
            the training rows. One minus the ratio of their sums is the accuracy or R².
        """
        pairs = []
        for group, is_classes in zip(self.groups, self.classes, strict=True):
            own, right = scores[:, group].to(truth), truth[:, group]
            if is_classes:
                hit = right.gather(1, own.argmax(1, keepdim=True))[:, 0]
                pairs.append((1 - hit, torch.ones_like(hit)))
            else:
                pairs.append(((own - right).square().sum(1), right.square().sum(1)))
        return torch.stack([a for a, _ in pairs], 1), torch.stack([b for _, b in pairs], 1)


def probe_targets(
    train: Tensor,
    test: Tensor,
    kinds: Sequence[str] | None = None,
    *,
    numeric: bool = False,
    columns: Tensor | None = None,
) -> Targets:
    """Columns for a probe, of factors that vary among the training rows.

    Continuous factors are values. Circular ones with fractions are angles in radians and become
    cosine and sine. All others are classes, unless ``numeric``: then ordinal ones are values, too,
    and whole-numbered circular ones are places on a circle of largest - smallest + 1 places.

    Args:
        train: factors of the training rows [N, K].
        test: factors of the test rows [M, K].
        kinds: of all factors [K]; None: as in `vaescope.metrics`.
        numeric: whether the probe fits values where a factor has an order.
        columns: numbers of the factors to predict, each with two values in ``train``; None: all.

    Returns:
        The targets. Values have mean 0 among the training rows and, over the columns of a factor,
        variance 1.
    """
    both = torch.cat([train, test])
    named = resolved_kinds(both, kinds)
    if columns is not None:
        both, named = both[:, columns], tuple(named[column] for column in columns.tolist())
    probed = factor_kinds(both, named)
    as_number = {"ordinal": "number", "circular": "angle"}
    parts = []
    for column, kind, way in zip(both.T, named, probed, strict=True):
        chosen = as_number.get(kind, way) if numeric else way
        parts.append(_columns(column, len(train), chosen))
    ends = torch.tensor([part.shape[1] for part, _ in parts]).cumsum(0).tolist()
    groups = tuple(slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True))
    found = torch.cat([part for part, _ in parts], 1)
    half = len(train)
    return Targets(found[:half], found[half:], groups, tuple(flag for _, flag in parts))


def _columns(factor: Tensor, fitted: int, way: str) -> tuple[Tensor, bool]:
    """Columns [N + M, c] of one factor whose first N rows are fitted, and whether classes."""
    if way == "class":
        values = factor[:fitted].unique()
        places = class_numbers(factor, values)
        return one_hot(places + 1, len(values) + 1)[:, 1:].double(), True
    columns = target_columns(factor, way)[0]
    centred = columns - columns[:fitted].mean(0)
    return centred / centred[:fitted].square().mean().sqrt(), False
