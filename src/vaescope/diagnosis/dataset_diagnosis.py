"""Diagnosis of a data set: are its factors the directions in which a VAE's latents will point?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.alignment import (
    distance_to_orthogonality,
    haar_chance,
    ima_contrast,
    right_singular_vectors,
)
from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.diagnosis.factor_jacobian import gram_over_ball, neighbours, slopes_of
from vaescope.diagnosis.rotations import (
    PreferredRotation,
    mixed_pairs,
    preferred_rotation,
    rotation_loss,
)
from vaescope.errors import ConfigError
from vaescope.streams import stream

MOST_FACTORS = 12
UNDECIDED = 0.0025  # nats that the noise of training outweighs: CVPR 2019, table 4, ratio 1.2
_RESAMPLES = 400


@dataclass(frozen=True)
class AtScale:
    """What images look like from their factors at one posterior width.

    Attributes:
        scale: width of the ball around each point, in standard deviations of the factors; 0:
            neighbouring values.
        norms: root mean square of |dx / dw_k| per factor, pixels per standard deviation.
        order_agreement: share of points and pairs of factors whose norms are in the mean's order,
            0.5 (by chance) to 1.
        dto: distance to orthogonality of the local principal directions from the factors.
        ima_contrast: mean c_IMA of the factor Jacobian, 0 (orthogonal columns) upward.
        cosines: mean cosine of the columns of each pair of factors `[K, K]`.
        margin: nats by which latents along the factors beat random ones.
        alignment: predicted share of alignment, 0 (as good as random) to 1.
        interval: 95 % interval of ``alignment`` over points.
        rotation: directions of the predicted latents, columns `[K, K]`.
        variances: of the images along these directions, in units of the pruning threshold: below 1
            a latent is pruned.
    """

    scale: float
    norms: list[float]
    order_agreement: float
    dto: float
    ima_contrast: float
    cosines: list[list[float]]
    margin: float
    alignment: float
    interval: tuple[float, float]
    rotation: list[list[float]]
    variances: list[float]
    mixed: list[tuple[str, str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Diagnosis:
    """Numbers of a data set with K factors before any training.

    Attributes:
        factors: their names.
        dto_chance: DtO of random directions in K dimensions.
        scales: numbers per posterior width, from the neighbouring values outward.
    """

    factors: tuple[str, ...]
    beta: float
    num_points: int
    dto_chance: float
    scales: tuple[AtScale, ...]

    def as_json(self) -> dict[str, Any]:
        """All numbers, for a file."""
        return asdict(self)


def diagnose(
    dataset: FactorDataset,
    *,
    beta: float = 1.0,
    weight: float = 2.0,
    scales: Sequence[float] = (0.0, 0.25, 0.5, 1.0),
    num_points: int = 200,
    draws: int = 64,
    seed: int = 0,
) -> Diagnosis:
    """Diagnose a data set whose images can be had for any combination of its factors' values.

    Args:
        dataset: with 2 to 12 factors of at least 2 values each.
        beta: weight of the KL term that the VAE will have.
        weight: second derivative of the reconstruction loss by a pixel; 2 for a squared error.
        scales: posterior widths in standard deviations of the factors; 0: neighbouring values.
        num_points: points at which the factor Jacobian is estimated.
        draws: neighbours of each, a multiple of 4 and at least 8 K.
        seed: of points and neighbours.

    Raises:
        ConfigError: the data set's factors are unknown, or too few or too many.
    """
    factors = dataset.factors
    if not 2 <= len(factors) <= MOST_FACTORS:
        what = "no known factors" if not len(factors) else f"{len(factors)} factors"
        raise ConfigError(f"the data set has {what}; a diagnosis is of 2 to {MOST_FACTORS} factors")
    rng = stream(seed, "diagnosis")
    rows = torch.from_numpy(rng.integers(len(dataset), size=num_points))
    found = [
        _at_scale(
            factor_grams(dataset, rows, scale, draws, weight, rng), scale, beta, factors.names
        )
        for scale in scales
    ]
    chance = haar_chance(len(factors))[0]
    return Diagnosis(factors.names, beta, num_points, chance, tuple(found))


def factor_grams(
    dataset: FactorDataset,
    rows: Tensor,
    scale: float,
    draws: int,
    weight: float,
    rng: np.random.Generator,
) -> Tensor:
    """F^T H F [N, K, K] of the rows, F the factor Jacobian over a ball of width ``scale``.

    Args:
        dataset: any combination of its factors' values has an image.
        rows: of the points [N].
        scale: width of the ball, in standard deviations of the factors; 0: neighbouring values.
        draws: neighbours of each point in a ball, a multiple of 4.
        weight: H, the second derivative of the reconstruction loss by a pixel.
        rng: of the neighbours.
    """
    parts = []
    for some in rows.split(16):
        near = neighbours(dataset.factors, dataset.values(some), scale, draws, rng)
        (count, many, dim) = near.values.shape
        images = _images(dataset, near.values.view(-1, dim), some.repeat_interleave(many))
        images = images.view(count, many, -1)
        if scale == 0:
            centre = dataset.images_at(some, some).flatten(1)
            slopes = slopes_of(images, near.shifts, centre)
            parts.append(weight * slopes @ slopes.mT)
        else:
            parts.append(gram_over_ball(images, near.shifts, weight))
    return torch.cat(parts)


def _images(dataset: FactorDataset, values: Tensor, draw: Tensor) -> Tensor:
    """Images of factor values; what is no factor stays as it is at the point."""
    if isinstance(dataset, RenderedDataset):
        return dataset.images(values)
    return dataset.images_at(dataset.factors.index(values), draw)


def _at_scale(gram: Tensor, scale: float, beta: float, names: Sequence[str]) -> AtScale:
    dim = gram.shape[1]
    squares = gram.diagonal(dim1=1, dim2=2).clamp(min=0)
    mean = gram.mean(0)
    preferred = preferred_rotation(gram, beta)
    directions, _ = right_singular_vectors(gram)
    order = squares.mean(0)[:, None] > squares.mean(0)[None]
    local = squares[:, :, None] > squares[:, None]
    agreement = (order == local)[:, ~torch.eye(dim, dtype=torch.bool)].double().mean()
    lengths = squares.sqrt().clamp(min=1e-12)
    cosines = (gram / lengths[:, :, None] / lengths[:, None]).mean(0)
    turned = preferred.rotation.T @ mean @ preferred.rotation
    alignment, interval = _alignment(gram, beta, preferred)
    return AtScale(
        scale=scale,
        norms=(squares.mean(0) / 2).sqrt().tolist(),
        order_agreement=float(agreement),
        dto=float(distance_to_orthogonality(directions).mean()),
        ima_contrast=float(_contrast(gram)),
        cosines=cosines.tolist(),
        margin=preferred.margin,
        alignment=alignment,
        interval=interval,
        rotation=preferred.rotation.tolist(),
        variances=(turned.diagonal() / beta).tolist(),
        mixed=[(names[i], names[j], angle) for i, j, angle in mixed_pairs(preferred.rotation)],
    )


def _contrast(gram: Tensor) -> Tensor:
    """Mean c_IMA over the points whose columns are independent."""
    regular = torch.linalg.eigvalsh(gram)[:, 0] > 1e-9 * gram.diagonal(dim1=1, dim2=2).amax(1)
    return ima_contrast(gram[regular]).mean() if regular.any() else gram.new_tensor(float("nan"))


def _alignment(
    gram: Tensor, beta: float, preferred: PreferredRotation
) -> tuple[float, tuple[float, float]]:
    """Alignment score and its 95 % interval over points (bootstrap; rotations stay as they are)."""
    dim = gram.shape[1]
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(200, dim, dim, generator=generator, dtype=torch.float64)
    haar = torch.linalg.qr(normal).Q
    single = gram[:, None]
    own = rotation_loss(single, torch.eye(dim).expand(len(gram), -1, -1), beta)
    best = rotation_loss(single, preferred.rotation.expand(len(gram), -1, -1), beta)
    chance = torch.stack(
        [rotation_loss(single, r.expand(len(gram), -1, -1), beta) for r in haar]
    ).mean(0)
    pick = torch.randint(len(gram), (_RESAMPLES, len(gram)), generator=generator)
    pick = torch.cat([torch.arange(len(gram))[None], pick])
    losses = [of[pick].mean(1) for of in (own, best, chance)]
    scores = ((losses[2] - losses[0]) / (losses[2] - losses[1] + UNDECIDED)).clamp(0, 1)
    low, high = torch.quantile(
        scores[1:], torch.tensor([0.025, 0.975], dtype=scores.dtype)
    ).tolist()
    return float(scores[0]), (low, high)
