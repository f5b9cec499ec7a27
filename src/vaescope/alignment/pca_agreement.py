"""Agreement with PCA: decoder columns and local principal axes, codes and global components."""

import torch
from torch import Tensor

from vaescope.alignment.linear_vae import unit_columns
from vaescope.alignment.similarity import best_pairs
from vaescope.tensor_checks import check_finite, check_matrix, misfit

_BLOCK = 1024  # rows of the data, or columns, that are doubles at once
_EPSILON = torch.finfo(torch.float64).eps


def local_axis_cosines(jacobian: Tensor, axes: Tensor) -> Tensor:
    """How well Jacobian columns match local principal axes: mean |cosine|, 0 to 1 (good).

    Compare with `rotated_axis_cosines`: a decoder onto the right tangent space scores high in any
    rotation, two latents 0.90 on average. Where axes are undefined (equal singular values), so
    is the match: `local_principal_axes` draws them, and the value is that of chance.

    Args:
        jacobian: the decoder's Jacobians [N, X, D].
        axes: `local_principal_axes` [N, X, K], unit columns or zeros.

    Returns:
        Mean over the min(D, K) pairs of the one-to-one match with the largest sum, per sample
        [N], float64. A column of zeros has cosine 0 with everything.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the comparison with PCA, taken
    locally. Differs: the paper compares by eye.

    Example:
        >>> local_axis_cosines(torch.tensor([[[0.0, 2.0], [3.0, 0.0]]]), torch.eye(2)[None]).item()
        1.0
    """
    products, gram = _products(jacobian, axes)
    norms = gram.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
    return _matched_mean(_cosines(products, norms))


def rotated_axis_cosines(
    jacobian: Tensor, axes: Tensor, *, num_rotations: int = 100, seed: int = 0
) -> Tensor:
    """`local_axis_cosines` of the same decoder with rotated latents, 0 to 1: its chance level.

    Args:
        jacobian: the decoder's Jacobians [N, X, D], of whitened codes (times `whitening`), so that
            the scales of latents do not matter.
        axes: `local_principal_axes` [N, X, K].
        num_rotations: random rotations drawn for each sample, at least 1.
        seed: of the draw.

    Returns:
        Mean of `local_axis_cosines` of J R over uniformly random rotations R of the latents, per
        sample [N], float64; for one latent the value without rotation.

    Source: Mezzadri 2007, https://arxiv.org/abs/math-ph/0609050, random orthogonal matrices.
    Differs: his correction of signs is left out, because |cosine| ignores signs.

    Example:
        >>> round(rotated_axis_cosines(torch.eye(2)[None], torch.eye(2)[None]).item(), 1)
        0.9
    """
    if num_rotations < 1:
        raise ValueError(f"num_rotations = {num_rotations}, but at least 1 is needed")
    products, gram = _products(jacobian, axes)
    generator = torch.Generator().manual_seed(seed)
    dim = gram.shape[1]
    total = torch.zeros(len(gram), dtype=torch.float64, device=gram.device)
    for _ in range(num_rotations):
        normal = torch.randn((len(gram), dim, dim), generator=generator, dtype=torch.float64)
        rotation = torch.linalg.qr(normal.to(gram.device)).Q
        squares = ((gram @ rotation) * rotation).sum(1)
        total += _matched_mean(_cosines(products @ rotation, squares.clamp(min=0).sqrt()))
    return total / num_rotations


def pca_correlations(codes: Tensor, data: Tensor) -> Tensor:
    """|Pearson correlation| of matched latents and principal components, 0 to 1 (latents are PCA).

    Below 1 for data that are curved in the latents, aligned or not: a curve takes several
    components. Costs an eigendecomposition of the smaller of [N, N] and [X, X].

    Args:
        codes: one number per latent [N, D].
        data: the observations behind them [N, X]; images flattened.

    Returns:
        Correlations [K], float64, of the one-to-one match with the largest sum, in the order of
        the components, largest variance first; K = min(D, components with variance), 0 for
        constant data. A constant latent correlates with nothing.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the comparison with PCA. Differs:
    the paper compares by eye.

    Example:
        >>> codes = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0))
        >>> data = codes * torch.tensor([5.0, 1.0])
        >>> pca_correlations(codes, data).round(decimals=3).tolist()
        [1.0, 1.0]
    """
    check_matrix("codes", codes, 2)
    check_matrix("data", data, 2)
    if len(codes) != len(data):
        raise ValueError(f"{len(codes)} codes and {len(data)} observations, but both must match")
    centred = codes.double() - codes.double().mean(0)
    varies = codes.amax(0) > codes.amin(0)
    latents = unit_columns(centred.where(varies, 0.0))
    scores = unit_columns(_component_scores(data, codes.shape[1]))
    correlations = (scores.T @ latents).abs().clamp(max=1)
    return correlations[best_pairs(correlations)]


def _component_scores(data: Tensor, count: int) -> Tensor:
    """Scores [N, K] on the first ``count`` principal components that have variance."""
    from scipy.linalg import eigh

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
    share = max(num, width) * _EPSILON
    # what rounding makes of a zero among sums of squares
    found = squares > share * squares[-1].clamp(min=0) + share**2 * total.cpu()
    vectors = vectors[:, found].flip(1).to(data.device)
    if by_sample:
        return vectors
    return torch.cat([(block.double() - centre) @ vectors for block in data.split(_BLOCK)])


def _products(jacobian: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """Axes^T J [N, K, D] and J^T J [N, D, D], float64."""
    for name, stack in (("jacobian", jacobian), ("axes", axes)):
        if stack.ndim != 3 or 0 in stack.shape[1:]:
            raise misfit("a stack of matrices", **{name: stack})
        check_finite("leave those samples out", **{name: stack})
    if jacobian.shape[:2] != axes.shape[:2]:
        raise misfit("[N, X, D] and [N, X, K]", jacobian=jacobian, axes=axes)
    columns = jacobian.double()
    return axes.double().mT @ columns, columns.mT @ columns


def _cosines(products: Tensor, norms: Tensor) -> Tensor:
    """|Cosines| [N, K, D] of unit axes and columns of these lengths [N, D]."""
    found = norms[:, None, :] > 0
    cosines = (products / norms.where(norms > 0, 1.0)[:, None, :]).abs().clamp(max=1)
    return cosines.where(found, 0.0)


def _matched_mean(cosines: Tensor) -> Tensor:
    """Mean over the one-to-one match with the largest sum [N] of [N, K, D]."""
    from scipy.optimize import linear_sum_assignment

    means = [
        matrix[linear_sum_assignment(matrix, maximize=True)].mean()
        for matrix in cosines.cpu().numpy()
    ]
    return torch.tensor(means, dtype=torch.float64, device=cosines.device)
