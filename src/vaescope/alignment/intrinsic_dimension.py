"""Intrinsic dimension of data and codes, and the number of latents that it suggests."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vaescope.alignment.similarity import centred, scaled
from vaescope.tensor_checks import check_finite, misfit

# Entries of the largest intermediate tensor, 64 MiB.
_CHUNK_ENTRIES = 2**23


def mle_dimension(points: Tensor, *, neighbours: int = 20) -> float:
    """Maximum-likelihood intrinsic dimension, 0 (a single point) upward; in dimensions.

    Args:
        points: images or codes [N, ...], flattened. Points that occur several times count once.
        neighbours: k nearest neighbours in use, at least 2. Many lower the variance, and the
            estimate too: borders and curvature bias it down, the more the higher the dimension.

    Returns:
        (k - 1) N / sum_i sum_{j<k} log(T_k(x_i) / T_j(x_i)), T_j the distance to the j-th
        neighbour. 0 if all points are equal; infinite if all neighbours are equally far.

    Source: Levina & Bickel 2004,
    https://papers.nips.cc/paper/2004/hash/74934548253bcab8490ebd74afed7031-Abstract.html, eq. 8;
    MacKay & Ghahramani 2005, https://www.inference.org.uk/mackay/dimension/. Differs: the inverse
    is averaged over points, as the latter say; duplicates, at distance 0, are dropped.

    Example:
        >>> round(mle_dimension(torch.linspace(0, 1, 100)[:, None], neighbours=5), 1)
        1.3
    """
    if neighbours < 2:
        raise ValueError(f"neighbours = {neighbours}, but at least 2 are needed")
    distinct = _distinct(points)
    if len(distinct) == 1:
        return 0.0
    logs = _neighbour_distances(distinct, neighbours).log()
    inverse = float((logs[:, -1:] - logs[:, :-1]).mean())
    return 1 / inverse if inverse > 0 else math.inf


def two_nn_dimension(points: Tensor, *, discard: float = 0.1) -> float:
    """Two-nearest-neighbour (TwoNN) intrinsic dimension, 0 (a single point) upward.

    Args:
        points: images or codes [N, ...], flattened. Points that occur several times count once.
        discard: share of points to leave out, those with the largest ratio of distances, at least
            0 and below 1.

    Returns:
        Slope through the origin of -log(1 - F) against log mu, mu the distance to the second
        neighbour over that to the first, F its empirical distribution i / N; the largest mu, whose
        F is 1, is always left out. 0 if all points are equal; infinite if all mu in use are 1.

    Source: Facco et al. 2017, https://doi.org/10.1038/s41598-017-11873-y, the TWO-NN algorithm.
    Differs: duplicates are dropped.

    Example:
        >>> points = torch.rand(500, 2, generator=torch.Generator().manual_seed(0))
        >>> round(two_nn_dimension(points))
        2
    """
    if not 0 <= discard < 1:
        raise ValueError(f"discard = {discard}, but a share from 0 to below 1 is needed")
    distinct = _distinct(points)
    if len(distinct) == 1:
        return 0.0
    logs = _neighbour_distances(distinct, 2).log()
    count = len(distinct)
    kept = max(1, min(count - 1, math.floor(count * (1 - discard))))
    ratios = (logs[:, 1] - logs[:, 0]).sort().values[:kept]
    ranks = torch.arange(1, kept + 1, dtype=torch.float64, device=ratios.device)
    heights = -torch.log1p(-ranks / count)
    square = float(ratios.square().sum())
    return float((ratios * heights).sum()) / square if square > 0 else math.inf


def fondue(
    dimension_gap: Callable[[int], float],
    data_dimension: float,
    *,
    threshold: float,
    max_dim: int = 1024,
) -> int:
    """Largest number of latents before passive ones appear (FONDUE), 0 to ``max_dim``.

    Args:
        dimension_gap: intrinsic dimension of the sampled minus that of the mean codes of a model
            with n latents after a few epochs. Called at most once for each n.
        data_dimension: intrinsic dimension of the images; the search starts at the nearest n.
        threshold: largest gap that counts as no passive latent.
        max_dim: largest n to try.

    Returns:
        The largest n with a gap of at most ``threshold``, exact if the gap crosses it once; about
        2 log2(n) models are trained. ``max_dim`` if no tried n fails, 0 if even n = 1 does.

    Source: Bonheme & Grzes 2022, https://arxiv.org/abs/2209.12806, FONDUE. Differs: theirs doubles
    n after each success, up to the least failing n known; once there is one, this bisects. Theirs
    has no ``max_dim`` and estimates the dimensions itself.

    Example:
        >>> fondue(lambda n: 0.0 if n <= 7 else 1.0, 4, threshold=0.5)
        7
    """
    if not 0 <= data_dimension < math.inf:
        raise ValueError(f"data_dimension = {data_dimension}, but a finite one >= 0 is needed")
    if max_dim < 1 or math.isnan(threshold):
        given = f"max_dim = {max_dim} and threshold = {threshold}"
        raise ValueError(f"{given}, but at least 1 and a number are needed")
    passes, fails = 0, max_dim + 1
    dim = min(max(1, round(data_dimension)), max_dim)
    while fails - passes > 1:
        gap = dimension_gap(dim)
        if math.isnan(gap):
            raise ValueError(f"dimension_gap({dim}) is NaN: check the model with {dim} latents")
        if gap <= threshold:
            passes = dim
        else:
            fails = dim
        dim = min(2 * passes, max_dim) if fails > max_dim else (passes + fails) // 2
    return passes


def _distinct(points: Tensor) -> Tensor:
    """The different points [M, X], float64, centred and scaled to at most 1."""
    if points.ndim < 2 or points.numel() == 0:
        raise misfit("a non-empty [N, X]", points=points)
    check_finite("check the codes", points=points)
    return scaled(centred(points.detach().flatten(1).double())).unique(dim=0)


def _neighbour_distances(points: Tensor, count: int) -> Tensor:
    """Distances to the nearest neighbours [N, count], ascending and above 0."""
    num_points, width = points.shape
    if num_points <= count:
        needed = f"{count + 1} are needed for {count} neighbours"
        raise ValueError(f"{num_points} distinct points given, but at least {needed}")
    squares = points.square().sum(1)
    chunk = max(1, _CHUNK_ENTRIES // max(num_points, count * width))
    parts = []
    for rows in torch.arange(num_points, device=points.device).split(chunk):
        # Half of what the squared distances vary by: good enough to rank, not to take logs of.
        order = squares / 2 - points[rows] @ points.mT
        order[torch.arange(len(rows), device=points.device), rows] = torch.inf
        nearest = order.topk(count, dim=1, largest=False).indices
        exact = (points[nearest] - points[rows, None]).norm(dim=2)
        parts.append(exact.sort(dim=1).values)
    return torch.cat(parts).clamp(min=torch.finfo(torch.float64).tiny)
