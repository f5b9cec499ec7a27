"""Principal components of images: of all of them, and of each and the images nearest to it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor

from vaescope.alignment import mle_dimension, two_nn_dimension
from vaescope.data.dataset import FactorDataset
from vaescope.diagnosis.widths import Weight
from vaescope.errors import ConfigError
from vaescope.streams import stream

NUM_IMAGES = 1000
_SHOWN = 20
_BINS = 10  # of a continuous factor
_BLOCK = 256


@dataclass(frozen=True)
class Components:
    """Principal components of images, largest variance first, in the likelihood's metric.

    Attributes:
        num_images: that they are of.
        shares: of the variance, the first 20.
        pruning_betas: weight of the KL term from which on a linear VAE does without the component.
        factor_shares: of each component's variance, what each factor explains alone
            `[components, K]`; none without factors.
        factors_in_components: of the variance of the first K components, what the factor that
            explains most of each explains, 0 to 1 (each component is a factor); None without
            factors.
        axes: the first components as images `[C, *image_shape]`.
    """

    num_images: int
    shares: list[float]
    pruning_betas: list[float]
    factor_shares: list[list[float]]
    factors_in_components: float | None
    axes: Tensor = field(repr=False, compare=False)


@dataclass(frozen=True)
class Spectra:
    """What there is to say of images whose factors are not known.

    Attributes:
        components: of all images.
        neighbours: images of each neighbourhood.
        local_shares: of the variance of an image and those nearest to it, by its principal
            components, mean over images; only how fast they fall means something, for the nearest
            images fill a ball.
        mle_dimension: dimension of the images by maximum likelihood; None: not finite.
        two_nn_dimension: the same by the two nearest neighbours.
    """

    components: Components
    neighbours: int
    local_shares: list[float]
    mle_dimension: float | None
    two_nn_dimension: float | None

    def as_json(self) -> dict[str, Any]:
        """All numbers, for a file."""
        return numbers_of(self)


def numbers_of(found: Any) -> dict[str, Any]:
    """Fields of a result that has ``components``, without their images."""
    numbers = asdict(found)
    del numbers["components"]["axes"]
    return numbers


def principal_components(
    dataset: FactorDataset,
    weight: Weight,
    columns: Sequence[int] = (),
    *,
    num_images: int = NUM_IMAGES,
    seed: int = 0,
) -> Components:
    """Principal components of a data set's images, and how much the factors explain of each.

    Args:
        dataset: on the CPU.
        weight: second derivative of the reconstruction loss by a pixel, or a function that gives
            it from expected images: here from the mean image.
        columns: positions of the factors that count.
        num_images: random images that they are of.
        seed: of the draw.

    Source: Lucas et al. 2019, https://arxiv.org/abs/1911.02469, a linear VAE prunes a component
    whose variance is below the noise's. Differs: for other likelihoods at the mean image.
    """
    rows = _sample(dataset, num_images, seed)
    images = _images(dataset, rows)
    mean = images.mean(0)
    metric = weight(mean[None])[0] if callable(weight) else torch.tensor(float(weight))
    scores, squares, axes = _decomposed((images - mean) * metric.sqrt())
    total = float(squares.sum()) or 1.0
    squares = squares[:_SHOWN] / len(rows)
    values = dataset.values(rows)[:, list(columns)]
    sizes = [dataset.factors.sizes[k] for k in columns]
    explained = [
        [_explained(score, column, size) for column, size in zip(values.T, sizes, strict=True)]
        for score in scores.T[:_SHOWN]
        if columns
    ]
    chief = squares[: len(columns)]
    best = [max(shares) for shares in explained[: len(columns)]]
    weighted = sum(float(s) * b for s, b in zip(chief, best, strict=False))
    shown = axes[: len(squares)] / metric.sqrt()
    return Components(
        num_images=len(rows),
        shares=(squares * len(rows) / total).tolist(),
        pruning_betas=squares.tolist(),
        factor_shares=explained,
        factors_in_components=weighted / float(chief.sum()) if columns and chief.sum() else None,
        axes=shown.unflatten(1, dataset.image_shape),
    )


def spectra_of(
    dataset: FactorDataset,
    weight: Weight,
    *,
    num_points: int = 200,
    neighbours: int = 32,
    num_images: int = 2 * NUM_IMAGES,
    seed: int = 0,
) -> Spectra:
    """Global and local principal components and the dimension of images; no factors are needed.

    Args:
        dataset: on the CPU.
        weight: as for `principal_components`.
        num_points: images around which the local ones are.
        neighbours: nearest images of each.
        num_images: random images that all is of.
        seed: of the draws.

    Raises:
        ConfigError: there are hardly any images.
    """
    if len(dataset) < 2 * neighbours:
        raise ConfigError(
            f"{len(dataset)} images were given; the spectrum of an image and its {neighbours} "
            f"neighbours needs at least {2 * neighbours}"
        )
    components = principal_components(dataset, weight, num_images=num_images, seed=seed)
    images = _images(dataset, _sample(dataset, num_images, seed))
    distances = torch.cdist(images[:num_points], images)
    nearest = distances.topk(neighbours + 1, largest=False).indices
    local = [_decomposed(images[some] - images[some].mean(0))[1] for some in nearest]
    shares = torch.stack([each / (each.sum() or 1.0) for each in local]).mean(0)
    dimensions = [_finite(mle_dimension(images)), _finite(two_nn_dimension(images))]
    return Spectra(components, neighbours, shares[:_SHOWN].tolist(), *dimensions)


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _sample(dataset: FactorDataset, num_images: int, seed: int) -> Tensor:
    count = min(num_images, len(dataset))
    rng = stream(seed, "diagnosis/components")
    return torch.from_numpy(rng.choice(len(dataset), count, replace=False))


def _images(dataset: FactorDataset, rows: Tensor) -> Tensor:
    """Images of rows, flattened [N, X]."""
    return torch.cat([dataset.images_at(some, some).flatten(1) for some in rows.split(_BLOCK)])


def _decomposed(centred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores [N, C], squared singular values [C] and axes [C, X] of centred images [N, X]."""
    by_image = len(centred) <= centred.shape[1]
    products = centred @ centred.T if by_image else centred.T @ centred
    squares, vectors = (torch.from_numpy(x) for x in eigh(products.double().numpy()))
    squares, vectors = squares.flip(0).clamp(min=0), vectors.flip(1)
    lengths = squares.sqrt().clamp(min=1e-12)
    if by_image:
        shown = vectors[:, :_SHOWN]
        return vectors * lengths, squares, (shown / lengths[:_SHOWN]).T.to(centred) @ centred
    return centred.double() @ vectors, squares, vectors.T[:_SHOWN].to(centred)


def _explained(score: Tensor, column: Tensor, size: int) -> float:
    """Share of a score's variance between a factor's values, 0 to 1, without the bias of few."""
    groups = (column * _BINS).clamp(max=_BINS - 1).long() if not size else column.long()
    counts = torch.bincount(groups).double()
    sums = torch.zeros_like(counts).index_add_(0, groups, score - score.mean())
    between = (sums.square() / counts.clamp(min=1)).sum()
    total, used = (score - score.mean()).square().sum(), int((counts > 0).sum())
    if total <= 0 or used >= len(score):
        return 0.0
    within = (total - between) / (len(score) - used)
    return float(((between - (used - 1) * within) / total).clamp(0, 1))
