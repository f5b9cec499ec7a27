"""Principal axes of the data, near each point and of all of it, beside the decoder's."""

import torch
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_CHUNK_BYTES = 2**26  # of distances, or of neighbourhoods, held at once
_BLOCK = 1024  # rows of the data, or columns, that are doubles at once
_EPSILON = torch.finfo(torch.float64).eps


def local_principal_axes(
    data: Tensor, points: Tensor, *, neighbours: int, num_axes: int
) -> tuple[Tensor, Tensor]:
    """Principal axes of the data around each point, largest variance first; squared data units.

    Args:
        data: observations [M, X]; images flattened.
        points: where to look [N, X]. A point that is in the data is its own first neighbour.
        neighbours: how many of the nearest observations count, 2 to M.
        num_axes: how many axes K are wanted, at most ``neighbours - 1`` and X.

    Returns:
        Axes [N, X, K], unit columns of arbitrary sign, and the variances along them [N, K], both
        float64: PCA of each neighbourhood around its own mean, variances divided by
        ``neighbours - 1``. Beyond the neighbourhood's dimension both are 0. Which of equally far
        observations count is arbitrary, and so are axes of equal variance.

    Raises:
        ValueError: if the two are not finite matrices of equally many columns, or a count does
            not fit them.

    Source: the local data covariance of Zietlow et al. 2021, https://arxiv.org/abs/2102.06822.
    Differs: the neighbourhood is our choice: the nearest observations in Euclidean distance.
    """
    _check_samples("data", data, 1)
    _check_samples("points", points, 1)
    if data.shape[1] != points.shape[1]:
        raise ValueError(f"data has {data.shape[1]} columns and points {points.shape[1]}")
    if not 2 <= neighbours <= len(data):
        raise ValueError(f"neighbours = {neighbours}, but 2 to {len(data)} observations can count")
    limit = min(neighbours - 1, data.shape[1])
    if not 1 <= num_axes <= limit:
        raise ValueError(f"num_axes = {num_axes}, but 1 to {limit} axes exist")
    nearest = _nearest(data, points, neighbours)
    width = data.shape[1]
    per_point = 8 * (3 * neighbours * width + min(neighbours, width) ** 2 + width * num_axes)
    chunks = nearest.split(max(1, _CHUNK_BYTES // per_point))
    axes, variances = zip(
        *(_principal_axes(data[chunk].double(), num_axes) for chunk in chunks), strict=True
    )
    return torch.cat(axes), torch.cat(variances)


def local_axis_cosines(jacobian: Tensor, axes: Tensor) -> Tensor:
    """How well Jacobian columns match local principal axes: mean |cosine|, 0 to 1 (good).

    Compare with `rotated_axis_cosines`: a decoder onto the right tangent space scores high in any
    rotation.

    Args:
        jacobian: the decoder's Jacobians [N, X, D].
        axes: `local_principal_axes` [N, X, K], unit columns or zeros.

    Returns:
        Mean over the min(D, K) pairs of the one-to-one match with the largest sum, per sample
        [N], float64. A column of zeros has cosine 0 with everything.

    Raises:
        ValueError: if the two are not stacks of finite matrices with equally many rows.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the comparison with PCA, taken
    locally. Differs: the paper compares by eye.
    """
    products, gram = _products(jacobian, axes)
    norms = gram.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
    return _matched_mean(_over_norms(products, norms))


def rotated_axis_cosines(
    jacobian: Tensor, axes: Tensor, *, num_rotations: int = 20, seed: int = 0
) -> Tensor:
    """`local_axis_cosines` of the same decoder with rotated latents, 0 to 1: its chance level.

    Args:
        jacobian: the decoder's Jacobians [N, X, D].
        axes: `local_principal_axes` [N, X, K].
        num_rotations: random rotations drawn, at least 1; the same for all samples.
        seed: of the draw.

    Returns:
        Mean of `local_axis_cosines` of J R over uniformly random rotations R of the latents, per
        sample [N], float64; for one latent the value without rotation.

    Raises:
        ValueError: as `local_axis_cosines`, or if ``num_rotations`` is below 1.

    Source: Mezzadri 2007, https://arxiv.org/abs/math-ph/0609050, random orthogonal matrices.
    Differs: his correction of signs is left out, because |cosine| ignores signs.
    """
    if num_rotations < 1:
        raise ValueError(f"num_rotations = {num_rotations}, but at least 1 is needed")
    products, gram = _products(jacobian, axes)
    generator = torch.Generator().manual_seed(seed)
    dim = gram.shape[1]
    normal = torch.randn((num_rotations, dim, dim), generator=generator, dtype=torch.float64)
    total = torch.zeros(len(gram), dtype=torch.float64, device=gram.device)
    for rotation in torch.linalg.qr(normal.to(gram.device)).Q:
        squares = ((gram @ rotation) * rotation).sum(1)
        total += _matched_mean(_over_norms(products @ rotation, squares.clamp(min=0).sqrt()))
    return total / num_rotations


def pca_correlations(codes: Tensor, data: Tensor) -> Tensor:
    """|Pearson correlation| of matched latents and principal components, 0 to 1 (latents are PCA).

    Costs an eigendecomposition of the smaller of [N, N] and [X, X].

    Args:
        codes: one number per latent [N, D].
        data: the observations behind them [N, X]; images flattened.

    Returns:
        Correlations [K], float64, of the one-to-one match with the largest sum, in the order of
        the components, largest variance first; K = min(D, components with variance), 0 for
        constant data. A constant latent correlates with nothing.

    Raises:
        ValueError: if the two are not finite matrices of equally many rows, at least 2.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the comparison with PCA. Differs:
    the paper compares by eye.
    """
    _check_samples("codes", codes, 2)
    _check_samples("data", data, 2)
    if len(codes) != len(data):
        raise ValueError(f"{len(codes)} codes and {len(data)} observations, but both must match")
    centred = codes.double() - codes.double().mean(0)
    varies = codes.amax(0) > codes.amin(0)
    latents = _unit(centred.where(varies, 0.0))
    scores = _unit(_component_scores(data, codes.shape[1]))
    correlations = (scores.T @ latents).abs().clamp(max=1)
    matched = linear_sum_assignment(correlations.cpu().numpy(), maximize=True)
    rows, columns = (torch.from_numpy(index).to(correlations.device) for index in matched)
    return correlations[rows, columns]


def _nearest(data: Tensor, points: Tensor, count: int) -> Tensor:
    """Indices [N, count] of the observations nearest to each point, nearest first."""
    centre = data.mean(0, dtype=torch.float64)  # near the origin less is lost to rounding
    found = []
    per_point = 16 * (len(data) + points.shape[1])
    for part in points.split(max(1, _CHUNK_BYTES // per_point)):
        shifted = part.double() - centre
        distances = []
        for block in data.split(_BLOCK):
            others = block.double() - centre
            # Squared distance, less the point's own square: the same for all observations.
            distances.append(others.square().sum(1) - 2 * shifted @ others.T)
        found.append(torch.cat(distances, 1).topk(count, largest=False).indices)
    return torch.cat(found)


def _principal_axes(samples: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Axes [n, X, count] and variances [n, count] of neighbourhoods [n, k, X]."""
    num, width = samples.shape[1:]
    centred = samples - samples.mean(1, keepdim=True)
    products = centred @ centred.mT if num <= width else centred.mT @ centred
    squares, vectors = torch.linalg.eigh(products)
    squares, vectors = squares.flip(-1)[:, :count], vectors.flip(-1)[:, :, :count]
    found = squares > _noise(squares[:, :1], samples.square().sum((1, 2))[:, None], num, width)
    axes = centred.mT @ vectors if num <= width else vectors
    lengths = axes.norm(dim=1, keepdim=True)
    axes = (axes / lengths.where(lengths > 0, 1.0)).where(found[:, None, :], 0.0)
    return axes, squares.where(found, 0.0) / (num - 1)


def _component_scores(data: Tensor, count: int) -> Tensor:
    """Scores [N, K] on the first ``count`` principal components that have variance."""
    num, width = data.shape
    centre = data.mean(0, dtype=torch.float64)
    by_sample = num <= width
    size = num if by_sample else width
    products = torch.zeros((size, size), dtype=torch.float64, device=data.device)
    total = torch.zeros((), dtype=torch.float64, device=data.device)
    for start in range(0, max(num, width), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = data[:, part].double() if by_sample else data[part].double()
        total += block.square().sum()
        block = block - (centre[part] if by_sample else centre)
        products += block @ block.T if by_sample else block.T @ block
    wanted = [max(0, size - count), size - 1]
    squares, vectors = map(torch.from_numpy, eigh(products.cpu().numpy(), subset_by_index=wanted))
    found = squares > _noise(squares[-1], total.cpu(), num, width)
    vectors = vectors[:, found].flip(1).to(data.device)
    if by_sample:
        return vectors
    return torch.cat([(block.double() - centre) @ vectors for block in data.split(_BLOCK)])


def _noise(largest: Tensor, total: Tensor, num: int, width: int) -> Tensor:
    """What rounding makes of a zero among sums of squares; ``total`` is their sum uncentred."""
    share = max(num, width) * _EPSILON
    return share * largest.clamp(min=0) + share**2 * total


def _products(jacobian: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """Axes^T J [N, K, D] and J^T J [N, D, D], float64."""
    for name, stack in (("jacobian", jacobian), ("axes", axes)):
        if stack.ndim != 3 or 0 in stack.shape[1:]:
            raise ValueError(f"{name} has shape {tuple(stack.shape)}, but a stack is needed")
        if not bool(stack.isfinite().all()):
            raise ValueError(f"{name} holds NaN or infinite values")
    if jacobian.shape[:2] != axes.shape[:2]:
        given = f"jacobian {tuple(jacobian.shape)} and axes {tuple(axes.shape)}"
        raise ValueError(f"{given} given, but [N, X, D] and [N, X, K] are needed")
    columns = jacobian.double()
    return axes.double().mT @ columns, columns.mT @ columns


def _over_norms(products: Tensor, norms: Tensor) -> Tensor:
    """|Cosines| [N, K, D] of unit axes and columns of these lengths [N, D]."""
    found = norms[:, None, :] > 0
    cosines = (products / norms.where(norms > 0, 1.0)[:, None, :]).abs().clamp(max=1)
    return cosines.where(found, 0.0)


def _matched_mean(cosines: Tensor) -> Tensor:
    """Mean over the one-to-one match with the largest sum [N] of [N, K, D]."""
    means = [
        matrix[linear_sum_assignment(matrix, maximize=True)].mean()
        for matrix in cosines.cpu().numpy()
    ]
    return torch.tensor(means, dtype=torch.float64, device=cosines.device)


def _unit(columns: Tensor) -> Tensor:
    norms = columns.norm(dim=0)
    return columns / norms.where(norms > 0, 1.0)


def _check_samples(name: str, values: Tensor, least: int) -> None:
    if values.ndim != 2 or 0 in values.shape or len(values) < least:
        needed = f"a matrix of at least {least} row{'s' if least > 1 else ''}"
        raise ValueError(f"{name} has shape {tuple(values.shape)}, but {needed} is needed")
    if not bool(values.isfinite().all()):
        raise ValueError(f"{name} holds NaN or infinite values")
