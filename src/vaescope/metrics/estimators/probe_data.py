"""Rows for probes: codes and factors, checked, split, labelled, in an orthonormal basis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from vaescope.factor_kinds import is_whole
from vaescope.metrics.kinds import angle_columns, resolved_kinds
from vaescope.streams import stream
from vaescope.tensor_checks import check_finite, misfit

Rows = tuple[Tensor, Tensor]


def checked_rows(codes: Tensor, factors: Tensor, least: int = 1) -> Rows:
    """Codes and factors of the same rows once they fit each other.

    Args:
        least: number of rows that is needed.

    Returns:
        Codes as float64; factors as float64, or as int64 if they are integers or truth values.
    """
    if codes.ndim != 2 or factors.ndim != 2 or 0 in (codes.shape[1], factors.shape[1]):
        raise misfit("[N, D] and [N, K]", codes=codes, factors=factors)
    if len(codes) != len(factors):
        raise ValueError(f"{len(codes)} rows of codes, but {len(factors)} rows of factors")
    if len(codes) < least:
        raise ValueError(f"{len(codes)} rows given, but at least {least} are needed")
    check_finite("check the encoder before scoring it", codes=codes, factors=factors)
    numbers = torch.float64 if factors.is_floating_point() else torch.int64
    return codes.detach().double(), factors.detach().to(numbers)


def train_and_test(
    codes: Tensor,
    factors: Tensor,
    *,
    test: Rows | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
) -> tuple[Rows, Rows]:
    """Rows to fit probes on and rows to score them on.

    Args:
        codes, factors, test, seed: as in `vaescope.metrics`; with ``test`` all rows are fitted.
        test_share: part that is scored otherwise, above 0 and below 1.
    """
    if test is not None:
        fitted, scored = checked_rows(codes, factors), checked_rows(*test)
        if fitted[0].shape[1] != scored[0].shape[1] or fitted[1].shape[1] != scored[1].shape[1]:
            raise ValueError("test has other numbers of latents or factors than the rows to fit")
        return fitted, scored
    if not 0 < test_share < 1:
        raise ValueError(f"test_share = {test_share}, but above 0 and below 1 is needed")
    codes, factors = checked_rows(codes, factors, least=2)
    order = torch.from_numpy(stream(seed, "probe_split").permutation(len(codes))).to(codes.device)
    held_out = min(max(round(test_share * len(codes)), 1), len(codes) - 1)
    scored_rows, fitted_rows = order[:held_out], order[held_out:]
    return (codes[fitted_rows], factors[fitted_rows]), (codes[scored_rows], factors[scored_rows])


def varying(factors: Tensor) -> Tensor:
    """Which factors have at least two values among these rows [N, K], [K]."""
    return (factors != factors[:1]).any(0)


def factor_kinds(factors: Tensor, kinds: Sequence[str] | None) -> tuple[str, ...]:
    """How each factor is probed: ``"class"``, ``"angle"`` or ``"number"``.

    Returns:
        One word per factor. A circular factor with fractions is an angle, a continuous one a
        number; all others are classes.
    """
    named = resolved_kinds(factors, kinds)
    angles = angle_columns(factors, named).tolist()
    return tuple(
        "angle" if angle else "number" if kind == "continuous" else "class"
        for kind, angle in zip(named, angles, strict=True)
    )


def require_classes(factors: Tensor, kinds: Sequence[str] | None, instead: str) -> None:
    """Refuse factors without classes.

    Args:
        factors: values of the factors [N, K].
        kinds: as in `vaescope.metrics`.
        instead: what to do with continuous factors, for the message.
    """
    if (found := set(factor_kinds(factors, kinds))) != {"class"}:
        raise ValueError(
            f"factors are {'/'.join(sorted(found))}, but classes are needed: {instead}"
        )


def class_numbers(values: Tensor, classes: Tensor) -> Tensor:
    """Place of every value [N] among the ascending classes [C], -1 if it is none of them."""
    place = torch.searchsorted(classes, values.contiguous()).clamp(max=len(classes) - 1)
    return place.where(classes[place] == values, -1)


def target_columns(
    factor: Tensor, probed_as: str, period: float | None = None
) -> tuple[Tensor, float]:
    """What a regression predicts for one factor: its value, or cosine and sine.

    Args:
        factor: values [N].
        probed_as: ``"number"`` or ``"angle"``.
        period: of an angle. None: 2 pi for numbers with fractions, otherwise the largest less the
            smallest value, plus 1.

    Returns:
        Targets [N, 1] or [N, 2], float64, and the period used (0 for a number).
    """
    values = factor.detach().double()
    if probed_as == "number":
        return values[:, None], 0.0
    if period is None:
        whole = is_whole(values.cpu().numpy())
        period = float(values.max() - values.min()) + 1 if whole else 2 * math.pi
    angle = values * (2 * math.pi / period)
    return torch.stack([angle.cos(), angle.sin()], 1), period


@dataclass(frozen=True)
class Basis:
    """Uncorrelated coordinates of codes, without directions in which they do not vary."""

    shift: Tensor  # mean of each latent [D]
    scale: Tensor  # what each latent is divided by [D], never 0
    rotation: Tensor  # from shifted and scaled codes to coordinates of variance 1 [D, R]
    singular: Tensor  # standard deviation of the scaled codes along each coordinate [R]

    def inputs(self, codes: Tensor) -> Tensor:
        """Coordinates of codes [N, D] with a column of ones, last [N, R + 1], float64."""
        values = ((codes.detach().double() - self.shift) / self.scale) @ self.rotation
        return torch.cat([values, values.new_ones(len(values), 1)], 1)


def basis_of(codes: Tensor, standardise: bool = True) -> Basis:
    """Uncorrelated coordinates in which codes have mean 0 and variance 1.

    Args:
        codes: one number per latent [N, D], float64.
        standardise: divide each latent by its standard deviation first.

    Returns:
        The basis. Constant latents, and copies or mixtures of others, add no coordinate.
    """
    from_first = codes - codes[:1]  # exactly 0 for a constant latent
    mean = from_first.mean(0)
    centred = from_first - mean
    std = centred.square().mean(0).sqrt()
    varies = (from_first != 0).any(0) & (std > 0)
    scale = std.where(varies, 1.0) if standardise else torch.ones_like(std)
    centred = torch.where(varies, centred, 0.0) / scale
    _, singular, axes = torch.linalg.svd(centred / math.sqrt(len(codes)), full_matrices=False)
    rounding = torch.finfo(codes.dtype).eps * (codes.abs().amax(0) / scale)[varies].sum()
    keep = singular > 1e-10 * singular.max() + 10 * rounding
    rotation = axes[keep].T / singular[keep]
    return Basis(codes[0] + mean, scale, rotation, singular[keep])


@dataclass(frozen=True)
class Targets:
    """The K factors that vary, as columns: one per class, or one or two per value."""

    train: Tensor  # one-hot classes or standardised values of the training rows [N, C], float64
    test: Tensor  # the same of the test rows [M, C]; a class without training rows is all zeros
    groups: tuple[slice, ...]  # the columns of each factor [K]
    classes: tuple[bool, ...]  # for each factor, whether its columns are classes [K]

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
