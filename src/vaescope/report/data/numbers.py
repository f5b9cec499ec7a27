"""What a data set's pixels are like, and how far each factor moves them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factor_distribution import factor_statistics
from vaescope.data.factors import Factors
from vaescope.report.data.lookup import Lookup
from vaescope.streams import stream

# 255 divides it, so levels of 8 bits are told apart exactly
_LEVELS = 65_535
_STEPS = 10
NUISANCE = "not a factor"


@dataclass(frozen=True)
class PixelStatistics:
    """Numbers over N images, standard deviations with division by N.

    Args:
        num_images: N.
        mean: over images and pixels, of each channel `[C]`; of each entry of a vector.
        std: over images and pixels `[C]`.
        image_std: over one image's pixels, mean over images `[C]`; not of vectors.
        minimum: of each channel `[C]`.
        maximum: of each channel `[C]`.
        mean_image: over images `[*image_shape]`.
        std_image: over images `[*image_shape]`.
        random_pair: mean squared difference per pixel of two different images.
        num_levels: different pixel values, values nearer than 1/65535 being one; not of vectors.
        commonest: the most frequent pixel value, and its share; not of vectors.
        histogram: pixels `[C, 256]` by the nearest multiple of 1/255; not of vectors.
    """

    num_images: int
    mean: list[float]
    std: list[float]
    image_std: list[float] | None
    minimum: list[float]
    maximum: list[float]
    mean_image: Tensor
    std_image: Tensor
    random_pair: float | None
    num_levels: int | None = None
    commonest: tuple[float, float] | None = None
    histogram: np.ndarray | None = None

    def plain(self) -> dict[str, Any]:
        """What fits into a table, for JSON."""
        left_out = ("mean_image", "std_image", "histogram")
        return {name: value for name, value in vars(self).items() if name not in left_out}


@dataclass(frozen=True)
class FactorDistance:
    """Mean squared difference per pixel between images that differ in one factor alone.

    Args:
        kind: of the factor, or ``NUISANCE``.
        steps: by how much the factor differs, rising; of a categorical factor by how many places
            in a circle, which means nothing in itself.
        distances: for each step; None where no two images differ so.
        num_pairs: for each step.
    """

    kind: str
    steps: list[float]
    distances: list[float | None]
    num_pairs: list[int]

    @property
    def neighbours(self) -> float | None:
        """Of the smallest step; where values have no order of all steps; None: there is no pair."""
        if self.kind not in ("categorical", NUISANCE):
            return self.distances[0] if self.distances else None
        pairs = sum(self.num_pairs)
        sums = (d * n for d, n in zip(self.distances, self.num_pairs, strict=True) if d is not None)
        return sum(sums) / pairs if pairs else None


def pixel_statistics(lookup: Lookup, rows: Tensor) -> PixelStatistics:
    """Mean, spread, range and levels of the pixels of some rows `[N]`."""
    shape = lookup.dataset.image_shape
    num_channels, is_vector = shape[0], len(shape) == 1
    total, squares = torch.zeros(2, *shape, dtype=torch.float64)
    spread = torch.zeros(num_channels, dtype=torch.float64)
    low, high = torch.full((num_channels,), torch.inf), torch.full((num_channels,), -torch.inf)
    levels = torch.zeros(num_channels * (_LEVELS + 1), dtype=torch.int64)
    # about their mean, lest squares of large numbers cancel
    centre = lookup.images(rows[: lookup.chunk]).mean(0)
    for part in rows.split(lookup.chunk):
        images = lookup.images(part)
        apart = images - centre
        total += apart.sum(0, dtype=torch.float64)
        squares += apart.square_().sum(0, dtype=torch.float64)
        flat = images.flatten(2) if not is_vector else images[:, :, None]
        low = torch.minimum(low, flat.amin((0, 2)))
        high = torch.maximum(high, flat.amax((0, 2)))
        spread += flat.std(2, correction=0).double().sum(0)
        if not is_vector:  # how often each channel has each level
            level = (flat * _LEVELS).round().long().clamp(0, _LEVELS)
            level += torch.arange(num_channels)[:, None] * (_LEVELS + 1)
            levels += torch.bincount(level.flatten(), minlength=len(levels))
    mean_image, variance = total / len(rows), (squares / len(rows) - (total / len(rows)) ** 2)
    mean_image, variance = mean_image + centre, variance.clamp(min=0)
    by_channel = mean_image.reshape(num_channels, -1)
    std = (variance.reshape(num_channels, -1).mean(1) + by_channel.var(1, correction=0)).sqrt()
    twice = 2 * float(variance.mean()) * len(rows) / max(len(rows) - 1, 1)
    return PixelStatistics(
        num_images=len(rows),
        mean=by_channel.mean(1).tolist(),
        std=std.tolist(),
        image_std=None if is_vector else (spread / len(rows)).tolist(),
        minimum=low.tolist(),
        maximum=high.tolist(),
        mean_image=mean_image.float(),
        std_image=variance.sqrt().float(),
        random_pair=twice if len(rows) > 1 else None,
        **({} if is_vector else _about_levels(levels.view(num_channels, -1))),
    )


def factor_distances(lookup: Lookup, rows: Tensor) -> dict[str, FactorDistance]:
    """How far pixels move with each factor, the others fixed, beginning at some rows `[n]`.

    From every row the factor goes up by each step, where there is an image of that; circular and
    categorical factors go round. With all rows every pair is counted once (in circles, twice). What
    is no factor stays as it is, and is measured by itself under the name ``NUISANCE``.

    Returns:
        By the factor's name; empty where images cannot be found by their factors.

    Source: Michlo, Klein and James 2023, "Overlooked Implications of the Reconstruction Loss for
    VAE Disentanglement", https://arxiv.org/abs/2202.13341, the perceived distances along factors.
    Differs: mean squared instead of other distances, as a mean over pixels.
    """
    factors = lookup.dataset.factors
    sums: dict[str, dict[float, tuple[float, int]]] = {}  # by factor and step: sum, number

    def add(name: str, step: float, first: Tensor, second: Tensor) -> None:
        """Take pairs of images `[B, ...]` into account, B possibly 0."""
        per_pixel = (first - second).square().flatten(1).mean(1) if len(first) else first.sum()
        total, count = sums.setdefault(name, {}).get(step, (0.0, 0))
        sums[name][step] = (total + float(per_pixel.double().sum()), count + len(first))

    parts = rows.split(max(1, lookup.chunk // 2)) if len(factors) else ()
    for number, part in enumerate(parts):
        first = lookup.images(part)
        if lookup.dataset.has_nuisance:
            draws = stream(lookup.seed, "show/draw", number).integers(2**62, size=len(part))
            add(NUISANCE, 1, first, lookup.images(part, torch.from_numpy(draws)))
        for position, name in enumerate(factors.names) if lookup.is_exact else ():
            for step in steps_of(factors, position):
                moved, stays_in = _moved(lookup.values[part], position, step, factors)
                inside = torch.from_numpy(stays_in)
                second, found = lookup.exact(moved[stays_in], part[inside])
                add(name, step, first[inside][torch.from_numpy(found)], second)
    kinds = dict(zip(factors.names, factors.kinds, strict=True)) | {NUISANCE: NUISANCE}
    return {
        name: FactorDistance(
            kinds[name],
            steps=sorted(found),
            distances=[found[s][0] / found[s][1] if found[s][1] else None for s in sorted(found)],
            num_pairs=[found[step][1] for step in sorted(found)],
        )
        for name, found in sums.items()
    }


def steps_of(factors: Factors, position: int) -> list[float]:
    """Up to ten evenly spaced differences between two values of a factor, the smallest first."""
    size, kind = factors.sizes[position], factors.kinds[position]
    if kind == "continuous":
        return [step / _STEPS for step in range(1, _STEPS)]
    largest = size // 2 if kind == "circular" else size - 1
    if largest < 1:
        return []
    return [float(step) for step in np.unique(np.linspace(1, largest, _STEPS).round())]


def factor_lines(lookup: Lookup) -> list[dict[str, Any]]:
    """Name, kind, number of values and entropies in nats of every factor, counted over all rows."""
    factors, table = lookup.dataset.factors, lookup.values
    if not len(factors):
        return []
    weights = torch.ones(len(table), dtype=torch.float64)
    entropy = factor_statistics(torch.from_numpy(table), weights, factors)["entropy"]
    described = (factors.names, factors.kinds, factors.sizes)
    return [
        {
            "name": name,
            "kind": kind,
            "num_values": size or None,
            "entropy_uniform": float(np.log(size)) if size else None,
            "entropy": entropy[name] if size else None,
            "num_occurring": len(np.unique(column)) if size else None,
            "minimum": float(column.min()),
            "maximum": float(column.max()),
        }
        for name, kind, size, column in zip(*described, table.T, strict=True)
    ]


def _moved(
    values: np.ndarray, position: int, step: float, factors: Factors
) -> tuple[np.ndarray, np.ndarray]:
    """Combinations `[B, K]` with one factor a step further, and which are still such ones `[B]`."""
    size, kind = factors.sizes[position], factors.kinds[position]
    moved = values.copy()
    column = moved[:, position] + np.asarray(step).astype(values.dtype)
    moved[:, position] = column % size if kind in ("circular", "categorical") else column
    largest = 1 if kind == "continuous" else size - 1
    return moved, moved[:, position] <= largest


def _about_levels(levels: Tensor) -> dict[str, Any]:
    """Levels, the commonest one and the histogram, from counts `[C, 65536]`."""
    together = levels.sum(0)
    commonest = int(together.argmax())
    bins = (torch.arange(_LEVELS + 1) * 255 / _LEVELS).round().long()
    histogram = torch.zeros(len(levels), 256, dtype=torch.int64).index_add_(1, bins, levels)
    share = float(together[commonest] / together.sum())
    return {
        "num_levels": int((together > 0).sum()),
        "commonest": (commonest / _LEVELS, share),
        "histogram": histogram.numpy(),
    }
