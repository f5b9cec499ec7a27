"""Factor Jacobian: how images change with their factors, at a point or over a posterior's width.

Its columns F = [dx/dw_1 .. dx/dw_K] are in units of one standard deviation of each factor. They
come from images whose factors lie around those of a point; where a set says that its images are
smooth functions of continuous factors, from differentiating these.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset, RenderedDataset
from vaescope.data.factors import Factors

_FINE = 0.02  # step of a continuous factor at scale 0, in its standard deviations


@dataclass(frozen=True)
class Neighbours:
    """Factor values around N points.

    Attributes:
        values: of M neighbours of each point [N, M, K], in the data set's own units.
        shifts: how far each is from its point, in standard deviations of the factors [N, M, K],
            float64; of a categorical factor as `class_shift` has it, up to a class of a higher
            number and down to one of a lower.
    """

    values: Tensor
    shifts: Tensor


def step_of(size: int, kind: str) -> float:
    """Distance of neighbouring values of a factor in standard deviations; 0: it is continuous."""
    if kind == "continuous" or size == 0:
        return 0.0
    return math.sqrt(12 / (size**2 - 1)) if size > 1 else 0.0


def class_shift(size: int) -> float:
    """Distance of two classes of a factor in standard deviations, with so many classes.

    All are equally far apart, and two draws, which may coincide, as far in the mean square as those
    of any other factor: the slope's square is then the variance of images between classes.
    """
    return math.sqrt(2 * size / (size - 1))


def neighbours(
    factors: Factors, values: Tensor, scale: float, draws: int, rng: np.random.Generator
) -> Neighbours:
    """Neighbours of points in factor space: the two next to it, or draws from a ball around it.

    Args:
        factors: names, sizes and kinds; each of at least 2 values.
        values: of the points [N, K].
        scale: standard deviation of the ball in standard deviations of each factor, at most 1; 0:
            one step up and one down along each factor (for a continuous one a small one), other
            factors as they are. A factor whose values lie further apart than the ball reaches takes
            one step up or down instead, or none.
        draws: neighbours per point in a ball, even; at scale 0 there are 2 K.
        rng: of the draws.

    Returns:
        Neighbours inside the range of every factor: at an edge the step outward is left out (the
        point itself stands for it); circular factors are wrapped.
    """
    points = values.double().numpy()[:, None, :]
    (count, dim) = values.shape
    if scale == 0:
        moved = np.zeros((1, 2 * dim, dim))
        moved[0, np.arange(dim), np.arange(dim)] = 1
        moved[0, dim + np.arange(dim), np.arange(dim)] = -1
        moved = np.broadcast_to(moved, (count, 2 * dim, dim))
    else:
        half = rng.standard_normal((count, draws // 2, dim))
        moved = np.concatenate([half, -half], axis=1)  # pairs: even terms of the image cancel
    new, shift = np.empty_like(points, shape=moved.shape), np.empty(moved.shape)
    for k, (size, kind) in enumerate(zip(factors.sizes, factors.kinds, strict=True)):
        new[..., k], shift[..., k] = _moved(points[..., k], moved[..., k], size, kind, scale, rng)
    kind_of_number = torch.float32 if factors.has_continuous else torch.int64
    return Neighbours(torch.from_numpy(new).to(kind_of_number), torch.from_numpy(shift))


def _moved(
    point: np.ndarray,
    move: np.ndarray,
    size: int,
    kind: str,
    scale: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Values after a move, given in steps (scale 0) or in widths of the ball, and their shifts."""
    if kind == "categorical":
        other = (point + rng.integers(1, size, point.shape)) % size  # one other class per point
        shift = np.sign(other - point) * class_shift(size)
        return np.where(move > 0, other, point), np.where(move > 0, shift, 0.0)
    step = step_of(size, kind)
    if step == 0:  # any number in [0, 1], uniform: standard deviation 1 / sqrt(12)
        new = point + move * (scale or _FINE) / math.sqrt(12)
        new = np.where((new < 0) | (new > 1), point, new)
        return new, (new - point) * math.sqrt(12)
    if scale == 0:
        steps = move
    elif scale >= step:
        steps = np.rint(move * scale / step)
    else:  # as far as the next value or nowhere: of variance 1 / 2 steps
        steps = np.sign(move) * (np.abs(move) > 0.6745)
    new = point + steps
    if kind == "circular":
        return new % size, steps * step
    inside = (new >= 0) & (new < size)
    return np.where(inside, new, point), np.where(inside, steps * step, 0.0)


def slopes_of(images: Tensor, shifts: Tensor, centre: Tensor | None = None) -> Tensor:
    """Slopes of images by least squares on the shifts of their factors.

    Args:
        images: of the neighbours [N, M, X].
        shifts: of these [N, M, K], float64.
        centre: image of each point [N, X], through which the fit goes; None: a free constant.

    Returns:
        F^T [N, K, X], in the precision of the images; a factor that no neighbour moves has a slope
        of 0.
    """
    if centre is not None:
        images = images - centre[:, None]
    else:
        images, shifts = images - images.mean(1, keepdim=True), shifts - shifts.mean(1, True)
    return torch.linalg.pinv(shifts, rtol=1e-9).to(images.dtype) @ images


def with_exact_slopes(
    slopes: Tensor, dataset: FactorDataset, rows: Tensor, columns: Sequence[int]
) -> Tensor:
    """The slopes at these rows, those by continuous factors exactly where the set has derivatives.

    Args:
        slopes: by finite differences, F^T [N, K, X].
        dataset: any; of one without derivatives the slopes stay.
        rows: of the points [N].
        columns: positions of the K factors.
    """
    if not (isinstance(dataset, RenderedDataset) and dataset.differentiable):
        return slopes
    values, exact = dataset.values(rows.to(dataset.device)), slopes.clone()
    for k, position in enumerate(columns):
        if dataset.factors.kinds[position] == "continuous":
            along = torch.zeros_like(values)
            along[:, position] = 1 / math.sqrt(12)  # a standard deviation of a number in [0, 1]
            derivative = torch.func.jvp(dataset.images, (values,), (along,))[1]
            exact[:, k] = derivative.flatten(1).to(slopes)
    return exact


def slopes_of_halves(images: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes by two halves of the neighbours, whose errors are independent, F^T [N, K, X] each.

    Args:
        images: of M neighbours of each point [N, M, X], pairs (m, m + M / 2) opposite each other.
        shifts: of these [N, M, K].
    """
    half = images.shape[1] // 2
    first, second = (
        slopes_of(images[:, rows], shifts[:, rows])
        for rows in (torch.cat([p, p + half]) for p in (torch.arange(s, half, 2) for s in (0, 1)))
    )
    return first, second


def product_of(first: Tensor, second: Tensor, weight: Tensor | float) -> Tensor:
    """F^T H F of two estimates of F^T [N, K, X]; symmetric [N, K, K], float64.

    Args:
        first: an estimate.
        second: another one, or the same.
        weight: diagonal of H, the second derivative of the reconstruction loss by the output: a
            number or [N, X].
    """
    weighed = first * (weight[:, None] if isinstance(weight, Tensor) else weight)
    inner = (weighed @ second.mT).double()
    return (inner + inner.mT) / 2


def gram_over_ball(images: Tensor, shifts: Tensor, weight: Tensor | float) -> Tensor:
    """F^T H F of the slopes over a ball, free of the bias that the images' curvature would add.

    Args:
        images: as for `slopes_of_halves` [N, M, X].
        shifts: of these [N, M, K].
        weight: as for `product_of`.

    Returns:
        Symmetric [N, K, K], float64, from two halves of the neighbours, so it may have small
        negative eigenvalues.
    """
    return product_of(*slopes_of_halves(images, shifts), weight)
