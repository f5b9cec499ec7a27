"""Diagnosis of a data set: are its factors the directions in which a VAE's latents will point?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vaescope.alignment import haar_chance
from vaescope.data.dataset import FactorDataset
from vaescope.data.surroundings import places_of, surroundings_of
from vaescope.diagnosis.all_widths import grams_by_width, notes_on_widths, require_changes
from vaescope.diagnosis.image_components import Components, numbers_of, principal_components
from vaescope.diagnosis.mig_before_training import predicted_mig
from vaescope.diagnosis.overlap import Overlap, overlap_of
from vaescope.diagnosis.widths import (
    SQUARED_ERROR,
    AtScale,
    Grams,
    Weight,
    at_scale,
    axis_agreement,
)
from vaescope.errors import ConfigError
from vaescope.streams import stream

MOST_FACTORS = 12
SCALES = (0.0, 0.25, 0.5, 1.0)
PREDICTED_AT = 1.0  # the prior: as wide as posteriors are when training begins
_ALL_USED = 0.1  # share of the smallest pruning threshold
_CODES = 2000  # rows whose codes are predicted


@dataclass(frozen=True)
class Diagnosis:
    """Numbers of a data set with K factors before any training.

    Attributes:
        factors: their names.
        beta: weight of the KL term.
        beta_given: whether it was given; else it is so small that no factor is pruned.
        num_points: points at which the factor Jacobian was asked for.
        surroundings: where the images around each point came from.
        dto_chance: DtO of random directions in K dimensions.
        axis_chance: ``axis_agreement`` of random directions.
        scales: numbers per posterior width, from the neighbouring values outward, in the metric of
            the likelihood.
        pixels: the same in the metric of a squared error.
        predicted_at: the width among ``scales`` that the prediction is made from.
        mig: predicted MIG of the codes, 0 to 1; see `predicted_mig`.
        mig_interval: 95 % interval of ``mig`` over points.
        components: principal components of the images, and the factors in them.
        overlap: distances of images against distances of factors.
        notes: what a reader has to know, such as widths that were left out.
    """

    factors: tuple[str, ...]
    beta: float
    beta_given: bool
    num_points: int
    surroundings: str
    dto_chance: float
    axis_chance: float
    scales: tuple[AtScale, ...]
    pixels: tuple[AtScale, ...]
    predicted_at: float
    mig: float
    mig_interval: tuple[float, float]
    components: Components
    overlap: Overlap
    notes: tuple[str, ...]

    @property
    def prediction(self) -> AtScale:
        """The numbers at the width that counts."""
        return next(found for found in self.scales if found.scale == self.predicted_at)

    @property
    def order(self) -> list[str]:
        """Factors in the order in which latents beside them are predicted to be taken up."""
        variances = self.prediction.variances
        return [self.factors[k] for k in sorted(range(len(variances)), key=lambda k: -variances[k])]

    @property
    def pruned(self) -> list[str]:
        """Factors whose latents are predicted to be pruned at ``beta``."""
        pairs = zip(self.factors, self.prediction.variances, strict=True)
        return [name for name, variance in pairs if variance <= 1]

    def as_json(self) -> dict[str, Any]:
        """All numbers, for a file."""
        chief = {
            "alignment": self.prediction.alignment,
            "interval": self.prediction.interval,
            "order": self.order,
            "pruned": self.pruned,
            "mixed": self.prediction.mixed,
            "undecided": self.prediction.undecided,
        }
        return {**chief, **numbers_of(self)}


def diagnose(
    dataset: FactorDataset,
    *,
    beta: float | None = None,
    weight: Weight = SQUARED_ERROR,
    scales: Sequence[float] = SCALES,
    predicted_at: float = PREDICTED_AT,
    factors: Sequence[str] | None = None,
    num_points: int = 200,
    draws: int | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Diagnose a data set with known factors.

    Args:
        dataset: with 2 to 12 factors that vary; on the CPU.
        beta: weight of the KL term that the VAE will have; None: a tenth of what would prune the
            first latent, so that all are used.
        weight: second derivative of the reconstruction loss by a pixel; 2 for a squared error; or
            a function that gives it [N, X] from expected images [N, X], as
            ``likelihood.mean_curvature`` does.
        scales: posterior widths in standard deviations of the factors, 0 to 1; 0: neighbouring
            values.
        predicted_at: the width that the prediction is made from; the nearest of ``scales`` is
            taken.
        factors: names of those that count; None: all that vary.
        num_points: points at which the factor Jacobian is estimated.
        draws: neighbours of each, a multiple of 4 and at least 8 K; None: 64, or 8 K if that is
            more. Where any number of them can be had, wide balls get up to four times as many.
        seed: of points and neighbours.

    Raises:
        ConfigError: the data set has too few or too many factors or images, or a number is out of
            range.

    Example:
        >>> from vaescope.data import Panels
        >>> found = diagnose(Panels(first=80, second=48), num_points=20)
        >>> found.order, round(found.prediction.alignment, 2), found.prediction.mixed
        (['first', 'second'], 0.86, [])
    """
    _check(beta, scales, predicted_at, num_points)
    columns, notes = _columns(dataset, factors)
    names = tuple(dataset.factors.names[k] for k in columns)
    draws = _draws(draws, 8 * len(columns))
    surroundings = surroundings_of(dataset, columns)
    rng = stream(seed, "diagnosis/points")
    count = min(num_points, len(dataset))
    rows = torch.from_numpy(rng.choice(len(dataset), count, replace=False))
    found = grams_by_width(dataset, surroundings, rows, scales, draws, weight, seed)
    require_changes(found, names)
    notes += notes_on_widths(found, scales, draws, count, surroundings.images is None)
    chosen = min(found, key=lambda scale: abs(scale - predicted_at))
    weights = _weights(beta, found[chosen])
    sample = torch.from_numpy(stream(seed, "diagnosis/codes").integers(len(dataset), size=_CODES))
    places, values = places_of(dataset, sample, columns), dataset.values(sample)[:, columns]
    mig, mig_interval = predicted_mig(found[chosen].of_likelihood, weights[0], places, values)
    scales_seen, pixels = _in_both_metrics(found, weights, names)
    return Diagnosis(
        factors=names,
        beta=weights[0],
        beta_given=beta is not None,
        num_points=count,
        surroundings=surroundings.told,
        dto_chance=haar_chance(len(names))[0],
        axis_chance=_axis_chance(len(names)),
        scales=scales_seen,
        pixels=pixels,
        predicted_at=chosen,
        mig=mig,
        mig_interval=mig_interval,
        components=principal_components(dataset, weight, columns, seed=seed),
        overlap=overlap_of(dataset, surroundings, columns, seed=seed),
        notes=tuple(notes),
    )


def _check(
    beta: float | None, scales: Sequence[float], predicted_at: float, num_points: int
) -> None:
    """Refuse numbers out of range."""
    if beta is not None and not (math.isfinite(beta) and beta > 0):
        raise ConfigError(f"beta={beta} was given; give a finite number above 0, or null")
    if not len(scales) or not all(0 <= scale <= 1 for scale in (*scales, predicted_at)):
        raise ConfigError(
            f"scales={list(scales)} and predicted_at={predicted_at} were given; give widths from 0 "
            "to 1, in standard deviations of the factors"
        )
    if num_points < 8:
        raise ConfigError(f"num_points={num_points} was given; give at least 8")


def _draws(wanted: int | None, least: int) -> int:
    """Neighbours of each point."""
    draws = max(64, least) if wanted is None else wanted
    if draws % 4 or draws < least:
        raise ConfigError(f"draws={draws} was given; {least} or more are needed, a multiple of 4")
    return draws


def _in_both_metrics(
    found: Mapping[float, Grams], betas: tuple[float, float], names: Sequence[str]
) -> tuple[tuple[AtScale, ...], tuple[AtScale, ...]]:
    """Each width in the metric of the likelihood, and in that of pixels."""
    of_likelihood, of_pixels = [], []
    for scale, grams in found.items():
        of_likelihood.append(at_scale(scale, grams.of_likelihood, grams, betas[0], names))
        if torch.equal(grams.of_likelihood, grams.of_pixels):
            of_pixels.append(of_likelihood[-1])
        else:
            of_pixels.append(at_scale(scale, grams.of_pixels, grams, betas[1], names))
    return tuple(of_likelihood), tuple(of_pixels)


def _columns(dataset: FactorDataset, wanted: Sequence[str] | None) -> tuple[list[int], list[str]]:
    """Positions of the factors that count, and what to say of the others."""
    factors = dataset.factors
    asked = list(range(len(factors))) if wanted is None else factors.positions_of(wanted)
    values = dataset.values(torch.arange(len(dataset)))
    columns = [k for k in asked if bool((values[:, k] != values[0, k]).any())]
    still = [factors.names[k] for k in asked if k not in columns]
    notes = [f"left out, for all images have the same value: {', '.join(still)}"] if still else []
    if rest := [name for k, name in enumerate(factors.names) if k not in asked]:
        notes.append(f"left out, as asked: {', '.join(rest)}")
    if len(columns) < 2 or len(columns) > MOST_FACTORS:
        names = ", ".join(factors.names[k] for k in columns)
        told = f"{len(columns)} factors vary ({names})" if len(columns) > 1 else "no factor varies"
        told = f"only one factor varies ({names})" if len(columns) == 1 else told
        advice = "; name 2 to 12 of them by factors=[...]" if len(columns) > 1 else ""
        raise ConfigError(
            f"{told}, but a diagnosis compares 2 to {MOST_FACTORS} with each other{advice}"
        )
    return columns, notes


def _weights(beta: float | None, grams: Grams) -> tuple[float, float]:
    """Beta in the metric of the likelihood and in that of a squared error."""
    if beta is not None:
        return beta, beta
    betas = []
    for gram in (grams.of_likelihood, grams.of_pixels):
        thresholds = torch.linalg.eigvalsh(gram.mean(0))
        seen = thresholds[thresholds > 1e-9 * thresholds.max()]
        betas.append(_ALL_USED * float(seen.min()) if len(seen) else 1.0)
    return betas[0], betas[1]


def _axis_chance(dim: int) -> float:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(1000, dim, dim, generator=generator, dtype=torch.float64)
    return float(axis_agreement(torch.linalg.qr(normal).Q, torch.eye(dim).double()).mean())
