"""Overlap: whether images are the farther apart, the more their factors differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.surroundings import ImagesOf, Surroundings, places_of, shifts_between
from vaescope.streams import stream

_BLOCK = 256


@dataclass(frozen=True)
class Overlap:
    """Rank correlations of the distance of two images and the distance of their factors.

    Attributes:
        num_pairs: random pairs of images.
        rank_correlation: over these, -1 to 1 (the farther the factors, the farther the images).
        per_factor: over pairs that differ in one factor alone, in the factors' order; None: of
            equal distances, or where there are no such pairs.
    """

    num_pairs: int
    rank_correlation: float | None
    per_factor: list[float | None]


def overlap_of(
    dataset: FactorDataset,
    surroundings: Surroundings,
    columns: Sequence[int],
    *,
    num_pairs: int = 1000,
    seed: int = 0,
) -> Overlap:
    """Overlap of a data set: distances of images against distances of factors.

    Args:
        dataset: with factors; on the CPU.
        surroundings: where images of other factor values come from.
        columns: positions of the factors that count.
        num_pairs: random pairs, and pairs of each factor.
        seed: of the pairs.

    Source: Michlo, Klein & James 2023, https://arxiv.org/abs/2202.13341, correlation of perceived
    and ground-truth distances. Differs: distances of factors are in standard deviations, circles
    go the short way, classes are equally far apart.

    The distance of two images is their squared error, that of factors the sum of absolute shifts.
    """
    rng = stream(seed, "diagnosis/pairs")
    first, second = torch.from_numpy(rng.integers(len(dataset), size=(2, num_pairs)))
    apart = _factor_distance(dataset, first, second, columns)
    images = torch.cat([_squared(dataset, *part) for part in _parts(first, second)])
    per_factor: list[float | None] = [None] * len(columns)
    if surroundings.images is not None:
        of = partial(_along, dataset, surroundings.images, first, rng)
        per_factor = [of(position) for position in columns]
    return Overlap(num_pairs, _spearman(apart, images), per_factor)


def _along(
    dataset: FactorDataset,
    images: ImagesOf,
    rows: Tensor,
    rng: np.random.Generator,
    position: int,
) -> float | None:
    """Rank correlation over pairs of images that differ in one factor alone."""
    factors, values = dataset.factors, dataset.values(rows)
    other = values.clone()
    other[:, position] = factors.sample(len(rows), rng)[:, position].to(values)
    squared, there = [], []
    for some, changed in _parts(rows, other):
        moved, found = images(changed, some)
        squared.append((moved - dataset.images_at(some, some)).square().flatten(1).sum(1))
        there.append(found)
    kept, size = torch.cat(there), factors.sizes[position]
    apart = (other - values)[:, position].double().abs()
    if factors.kinds[position] == "circular":
        apart = torch.minimum(apart, size - apart)
    if factors.kinds[position] == "categorical":
        apart = (apart > 0).double()
    kept &= apart > 0
    return _spearman(apart[kept], torch.cat(squared)[kept])


def _factor_distance(
    dataset: FactorDataset, first: Tensor, second: Tensor, columns: Sequence[int]
) -> Tensor:
    places = [places_of(dataset, rows, columns).T for rows in (first, second)]
    return shifts_between(places[0], places[1], dataset.factors, columns).abs().sum(0)


def _parts(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(first.split(_BLOCK), second.split(_BLOCK), strict=True)


def _squared(dataset: FactorDataset, first: Tensor, second: Tensor) -> Tensor:
    """Squared errors of pairs of images; what is no factor is drawn by the row."""
    difference = dataset.images_at(first, first) - dataset.images_at(second, second)
    return difference.square().flatten(1).sum(1)


def _spearman(first: Tensor, second: Tensor) -> float | None:
    """Spearman's correlation, or None where either is constant."""
    if not len(first) or bool((first == first[0]).all()) or bool((second == second[0]).all()):
        return None
    return float(spearmanr(first.numpy(), second.numpy()).statistic)
