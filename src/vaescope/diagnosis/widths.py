"""What a data set looks like from its factors at one posterior width, and what follows from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vaescope.alignment import distance_to_orthogonality, ima_contrast, right_singular_vectors
from vaescope.data.dataset import FactorDataset
from vaescope.data.factor_jacobian import (
    product_of,
    slopes_of,
    slopes_of_halves,
    with_exact_slopes,
)
from vaescope.data.surroundings import Surroundings, surroundings_of
from vaescope.diagnosis.rotations import (
    UNDECIDED,
    mixed_pairs,
    preferred_rotation,
    rotation_loss,
    turning_costs,
)
from vaescope.errors import ConfigError

# second derivative of the reconstruction loss by the expected image, a number or from that image
Weight = float | Callable[[Tensor], Tensor]
SQUARED_ERROR = 2.0
_RESAMPLES = 400
_CHUNK_BYTES = 2**26


@dataclass(frozen=True)
class AtScale:
    """What images look like from their factors at one posterior width.

    Attributes:
        scale: width of the ball around each point, in standard deviations of the factors; 0:
            neighbouring values.
        width: root mean square of the factors' shifts that were really had.
        num_points: points around which there were enough images.
        norms: root mean square of |dx / dw_k| per factor, per standard deviation; in pixels that
            weigh as in a squared error, (F^T H F / 2)_kk.
        norm_ratios: of the norms, sorted, each to the next, at least 1; near 1 their directions
            can be exchanged.
        singular_values: root mean squares of those of F, largest first, in the units of ``norms``.
        singular_value_ratios: each to the next, at least 1.
        order_agreement: share of points and pairs of factors whose norms are in the mean's order,
            0 to 1; 0.5 by chance.
        dto: distance to orthogonality of the local principal directions from the factors.
        ima_contrast: mean c_IMA of the factor Jacobian, 0 (orthogonal columns) upward.
        cosines: mean cosine of the columns of each pair of factors `[K, K]`.
        image_agreement: share of a factor's movement of the images that is the same at all points,
            0 (each image moves in its own way) to 1 (always the same pixels).
        axis_agreement: mean squared cosine of each predicted latent's direction and the local
            principal direction nearest to it, 0 to 1 (the same everywhere).
        margin: nats by which latents along the factors beat random ones.
        alignment: predicted share of alignment, 0 (as good as random) to 1.
        interval: 95 % interval of ``alignment`` over points.
        rotation: directions of the predicted latents, columns `[K, K]`; the factors' own, unless
            others are better at points that they were not found from.
        variances: of the images along these directions, in units of the pruning threshold: below 1
            a latent is pruned.
        pruning_betas: weight of the KL term from which on each of these latents is pruned.
        mixed: (factor, other factor, degrees) of pairs that share a latent.
        undecided: (factor, other factor, nats) of pairs whose latents may take any angle, for it
            makes no difference to speak of.
    """

    scale: float
    width: float
    num_points: int
    norms: list[float]
    norm_ratios: list[float]
    singular_values: list[float]
    singular_value_ratios: list[float]
    order_agreement: float
    dto: float
    ima_contrast: float | None
    cosines: list[list[float]]
    image_agreement: list[float]
    axis_agreement: list[float]
    margin: float
    alignment: float
    interval: tuple[float, float]
    rotation: list[list[float]]
    variances: list[float]
    pruning_betas: list[float]
    mixed: list[tuple[str, str, float]] = field(default_factory=list)
    undecided: list[tuple[str, str, float]] = field(default_factory=list)


class Grams(NamedTuple):
    """Factor Jacobians at one width, multiplied.

    Attributes:
        of_likelihood: F^T H F [N, K, K], H of the reconstruction loss.
        of_pixels: 2 F^T F [N, K, K]: the same of a squared error.
        image_agreement: as in `AtScale` [K].
        width: as in `AtScale`.
    """

    of_likelihood: Tensor
    of_pixels: Tensor
    image_agreement: Tensor
    width: float


def grams_at(
    dataset: FactorDataset,
    surroundings: Surroundings,
    rows: Tensor,
    scale: float,
    *,
    draws: int,
    weight: Weight,
    rng: np.random.Generator,
) -> Grams | None:
    """Grams of those of the rows [N] around which there are enough images; None: of hardly any."""
    size = torch.Size(dataset.image_shape).numel()
    found, sums, widths = [], [], []
    for some in rows.split(max(1, _CHUNK_BYTES // (4 * draws * size))):
        near = surroundings.around(some, scale, draws, rng)
        if not near.enough.any():
            continue
        images, shifts = near.images[near.enough].flatten(2), near.shifts[near.enough]
        centre = dataset.images_at(some, some)[near.enough].flatten(1)
        exact = scale == 0 and surroundings.images is not None
        one = slopes_of(images, shifts, centre) if exact else None
        if one is not None:
            one = with_exact_slopes(one, dataset, some[near.enough], surroundings.columns)
        first, second = (one, one) if one is not None else slopes_of_halves(images, shifts)
        shown = centre if scale == 0 else images.mean(1)
        metric = weight(shown) if callable(weight) else weight
        pixels = product_of(first, second, SQUARED_ERROR)
        found.append((product_of(first, second, metric), pixels))
        sums.append((first.sum(0), second.sum(0)))
        widths.append(shifts.square().mean((1, 2)).sqrt())
    kept = sum(len(pixels) for _, pixels in found)
    if kept < min(len(rows), max(8, len(rows) // 4)):
        return None
    of_likelihood, of_pixels = (torch.cat(parts) for parts in zip(*found, strict=True))
    own = of_pixels.diagonal(dim1=1, dim2=2).sum(0) / SQUARED_ERROR
    one_sum, other_sum = (torch.stack(parts).double().sum(0) for parts in zip(*sums, strict=True))
    cross = (one_sum * other_sum).sum(1) - own
    agreement = cross / ((kept - 1) * own).where(own > 0, 1.0)
    width = float(torch.cat(widths).square().mean().sqrt())
    return Grams(of_likelihood, of_pixels, agreement.clamp(0, 1), width)


def factor_grams(
    dataset: FactorDataset,
    rows: Tensor,
    scale: float,
    draws: int,
    weight: Weight,
    rng: np.random.Generator,
) -> Tensor:
    """F^T H F [N, K, K] of the rows, F the factor Jacobian over a ball of width ``scale``.

    Args:
        dataset: with K factors that vary, at least 2; on the CPU.
        rows: of the points [N].
        scale: width of the ball, in standard deviations of the factors; 0: neighbouring values.
        draws: neighbours of each point in a ball, a multiple of 4.
        weight: H, the second derivative of the reconstruction loss by a pixel.
        rng: of the neighbours.

    Raises:
        ConfigError: hardly any of the rows has neighbours so near.
    """
    varying = [k for k, size in enumerate(dataset.factors.sizes) if size != 1]
    surroundings = surroundings_of(dataset, varying)
    found = grams_at(dataset, surroundings, rows, scale, draws=draws, weight=weight, rng=rng)
    if found is None:
        raise ConfigError(
            f"there are too few images for a factor Jacobian at width {scale:g}; take a larger "
            "width, or 0 for the nearest images (of vaescope modify: widths.scale=0)"
        )
    return found.of_likelihood


def at_scale(
    scale: float, gram: Tensor, grams: Grams, beta: float, names: Sequence[str]
) -> AtScale:
    """What follows from the Gram matrices at one width, in one metric."""
    dim = gram.shape[1]
    off = ~torch.eye(dim, dtype=torch.bool)
    squares = gram.diagonal(dim1=1, dim2=2).clamp(min=0)
    mean = squares.mean(0)
    preferred, (own, best) = preferred_rotation(gram, beta), _own_and_best(gram, beta)
    holds = float(own.mean() - best.mean()) > 0  # also for points that it was not found from
    rotation = preferred.rotation if holds else torch.eye(dim).double()
    alignment, interval = _alignment(gram, beta, own, best)
    directions, values = right_singular_vectors(gram)
    order, local = mean[:, None] > mean[None], squares[:, :, None] > squares[:, None]
    lengths = squares.sqrt().clamp(min=1e-12)
    cosines = (gram / lengths[:, :, None] / lengths[:, None]).mean(0).clamp(-1, 1)
    thresholds = (rotation.T @ gram.mean(0) @ rotation).diagonal()
    norms, singular = (mean / 2).sqrt(), (values.square().mean(0) / 2).sqrt()
    return AtScale(
        scale=scale,
        width=grams.width,
        num_points=len(gram),
        norms=norms.tolist(),
        norm_ratios=_ratios(norms.sort(descending=True).values),
        singular_values=singular.tolist(),
        singular_value_ratios=_ratios(singular),
        order_agreement=float((order == local)[:, off].double().mean()),
        dto=float(distance_to_orthogonality(directions).mean()),
        ima_contrast=_contrast(gram),
        cosines=cosines.tolist(),
        image_agreement=grams.image_agreement.tolist(),
        axis_agreement=axis_agreement(directions, rotation).tolist(),
        margin=preferred.margin,
        alignment=alignment,
        interval=interval,
        rotation=rotation.tolist(),
        variances=(thresholds / beta).tolist(),
        pruning_betas=thresholds.tolist(),
        mixed=[(names[i], names[j], angle) for i, j, angle in mixed_pairs(rotation)],
        undecided=_undecided(turning_costs(gram, rotation, beta), thresholds > beta, names),
    )


def _undecided(costs: Tensor, used: Tensor, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Pairs of which a latent is used, and that cost next to nothing to turn."""
    return [
        (names[i], names[j], float(costs[i, j]))
        for i, j in torch.combinations(torch.arange(len(names))).tolist()
        if costs[i, j] < UNDECIDED and (used[i] or used[j])
    ]


def axis_agreement(directions: Tensor, rotation: Tensor) -> Tensor:
    """Mean squared cosine [K] of a rotation's columns and local directions matched to them.

    Args:
        directions: orthogonal matrices [N, K, K], local directions as columns.
        rotation: orthogonal [K, K].
    """
    squares = (rotation.T @ directions).square()
    matched = [square[linear_sum_assignment(square, maximize=True)] for square in squares.numpy()]
    return torch.from_numpy(np.mean(matched, axis=0))


def _ratios(values: Tensor) -> list[float]:
    """Each of some falling numbers to the next; infinity is left at a million."""
    return (values[:-1] / values[1:].clamp(min=1e-12)).clamp(max=1e6).tolist()


def _contrast(gram: Tensor) -> float | None:
    """Mean c_IMA over the points whose columns are independent; None: there are none."""
    regular = torch.linalg.eigvalsh(gram)[:, 0] > 1e-9 * gram.diagonal(dim1=1, dim2=2).amax(1)
    return float(ima_contrast(gram[regular]).mean()) if regular.any() else None


def _own_and_best(gram: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Losses at each point [N] of latents along the factors, and along the best directions.

    The best directions at a point are those of the other half of the points, lest they fit noise.
    """
    own = _losses(gram, torch.eye(gram.shape[1]), beta)
    best, halves = torch.empty_like(own), (slice(0, None, 2), slice(1, None, 2))
    for half, other in (halves, halves[::-1]):
        rotation = preferred_rotation(gram[other], beta, starts=4, chance_samples=1).rotation
        best[half] = _losses(gram[half], rotation, beta)
    return own, best


def _alignment(
    gram: Tensor, beta: float, own: Tensor, best: Tensor
) -> tuple[float, tuple[float, float]]:
    """Alignment score and its 95 % interval over points (bootstrap; rotations stay as they are)."""
    count, dim = gram.shape[:2]
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(200, dim, dim, generator=generator, dtype=torch.float64)
    chance = torch.stack([_losses(gram, turn, beta) for turn in torch.linalg.qr(normal).Q]).mean(0)
    pick = torch.randint(count, (_RESAMPLES, count), generator=generator)
    pick = torch.cat([torch.arange(count)[None], pick])
    of_own, of_best, of_chance = (losses[pick].mean(1) for losses in (own, best, chance))
    room = (of_chance - torch.minimum(of_own, of_best)).clamp(min=0)
    scores = ((of_chance - of_own) / (room + UNDECIDED)).clamp(0, 1)
    low, high = torch.quantile(scores[1:], scores.new_tensor([0.025, 0.975])).tolist()
    return float(scores[0]), (low, high)


def _losses(gram: Tensor, rotation: Tensor, beta: float) -> Tensor:
    """Losses of one rotation at each point [N]."""
    return rotation_loss(gram[:, None], rotation.expand(len(gram), -1, -1), beta)
