"""Local PCA: principal axes of the data around each point."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from vaescope.tensor_checks import check_matrix, misfit

_CHUNK_BYTES = 2**26  # of distances, or of neighbourhoods, held at once
_EPSILON = torch.finfo(torch.float64).eps
_LOST = 1e-13  # share of the largest eigenvalue below which one is rounding
_RANK = 1e-9  # share of the largest spread below which a neighbourhood has none


@dataclass(frozen=True)
class LocalAxes:
    """Principal axes of the data around P points."""

    # unit columns of arbitrary sign [P, X, K], largest variance first; zeros beyond the number of
    # directions in which the data change
    axes: Tensor
    # along the axes [P, K], squared data units: what they would be if the data were linear in the
    # coordinates as near the point, and these spread as they do
    variances: Tensor
    nearest: Tensor  # rows of the data that are the neighbourhood of each point [P, neighbours]


def local_principal_axes(
    data: Tensor,
    coordinates: Tensor,
    points: Tensor,
    *,
    neighbours: int,
    num_axes: int | None = None,
    seed: int = 0,
) -> LocalAxes:
    """Principal axes of the data around each point, as coordinates of the data move it.

    Neighbours are nearest in whitened coordinates, not in the data: there they would fill a ball,
    in which all directions have equal variance whatever the decoder. Within a neighbourhood the
    data are fitted as a linear function of the whitened coordinates; the axes are the left
    singular vectors of its slopes. So they do not depend on the neighbourhood's shape, nor on
    invertible linear maps of the coordinates such as rotations, and for data that are linear in
    the coordinates they are those of PCA. (Coordinates in units of a posterior's width will not
    do: at a VAE's optimum the decoder has equal singular values in them.)

    Args:
        data: observations [M, X]; images flattened.
        coordinates: codes, or ordered factors, of the same observations [M, C].
        points: coordinates around which to look [P, C].
        neighbours: how many observations count, 2 to M. More than C + 1 are needed for all axes.
        num_axes: how many axes K are wanted, at most min(C, X), the default.
        seed: of the directions of undefined axes.

    Returns:
        Axes, variances, both float64, and neighbourhoods. Standard deviations that differ by less
        than 2 / sqrt(M) of the larger, two standard errors of such a difference, have no axes of
        their own: there they are drawn at random in the space that they span, so that nothing looks
        aligned with them. Which of equally far observations count is arbitrary.

    Source: Kambhatla & Leen 1997, "Dimension Reduction by Local Principal Component Analysis",
    https://doi.org/10.1162/neco.1997.9.7.1493. Differs: neighbourhoods in given coordinates instead
    of cells of the data space; slopes of a local regression instead of the covariance.

    Example:
        >>> codes = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
        >>> data = codes * torch.tensor([5.0, 1.0])
        >>> local_principal_axes(data, codes, codes[:1], neighbours=9).axes.abs().round().tolist()
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    for name, values in (("data", data), ("coordinates", coordinates), ("points", points)):
        check_matrix(name, values)
    if len(data) != len(coordinates) or coordinates.shape[1] != points.shape[1]:
        given = {"data": data, "coordinates": coordinates, "points": points}
        raise misfit("[M, X], [M, C] and [P, C]", **given)
    if not 2 <= neighbours <= len(data):
        raise ValueError(f"neighbours = {neighbours}, but 2 to {len(data)} observations can count")
    limit = min(coordinates.shape[1], data.shape[1])
    if num_axes is not None and not 1 <= num_axes <= limit:
        raise ValueError(f"num_axes = {num_axes}, but 1 to {limit} axes exist")
    count, generator = num_axes or limit, torch.Generator().manual_seed(seed)
    equal = 2 / len(data) ** 0.5
    mixing = whitening(coordinates)
    if mixing.shape[1] == 0:
        raise ValueError("coordinates are constant, but a neighbourhood needs some that vary")
    inverse, centre = torch.linalg.pinv(mixing).T, coordinates.double().mean(0)
    white, places = ((x.double() - centre) @ inverse for x in (coordinates, points))
    some = places.split(max(1, _CHUNK_BYTES // (8 * len(data))))
    near = [torch.cdist(part, white).topk(neighbours, largest=False).indices for part in some]
    nearest = torch.cat(near)
    chunks = nearest.split(max(1, _CHUNK_BYTES // (24 * neighbours * data.shape[1])))
    found = [_axes_of_slopes(data[c].double(), white[c], count, equal, generator) for c in chunks]
    axes, variances = (torch.cat(parts) for parts in zip(*found, strict=True))
    return LocalAxes(axes, variances, nearest)


def whitening(codes: Tensor) -> Tensor:
    """The linear map from uncorrelated codes of variance 1 to these, a root of their covariance.

    A decoder's Jacobian times this map is that of the decoder of whitened codes.

    Returns:
        Matrix A [D, R], float64, A A^T the covariance (divided by N), R its rank; R is 0 for
        constant codes.

    Example:
        >>> whitening(torch.tensor([[-2.0], [2.0]])).abs().tolist()
        [[2.0]]
    """
    check_matrix("codes", codes)
    shifted = codes.double() - codes[:1].double()  # the mean of equal numbers is off by rounding
    scale = shifted.abs().amax(0)
    unit = (shifted - shifted.mean(0)) / scale.where(scale > 0, 1.0)
    values, vectors = torch.linalg.eigh(unit.T @ unit / len(unit))
    kept = values > len(values) * _LOST * values.amax()
    return scale[:, None] * vectors[:, kept] * values[kept].sqrt()


def _axes_of_slopes(
    samples: Tensor, white: Tensor, count: int, equal: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Axes [p, X, count] and variances [p, count] of data [p, k, X] linear in codes [p, k, R]."""
    centred = samples - samples.mean(1, keepdim=True)
    slopes = (torch.linalg.pinv(white - white.mean(1, keepdim=True), rtol=_RANK) @ centred).mT
    squares, vectors = torch.linalg.eigh(slopes.mT @ slopes)
    squares, vectors = squares.flip(-1), vectors.flip(-1)
    noise = (_EPSILON * samples.abs().amax((1, 2))).square() + _LOST * squares[:, 0]
    squares = squares.where(squares > noise[:, None], 0.0)
    axes = slopes @ vectors / squares.sqrt().where(squares > 0, 1.0)[:, None, :]
    axes = axes.where(squares[:, None, :] > 0, 0.0)
    axes = axes @ _turns_among_equals(squares.sqrt(), equal, generator)
    # a negative number cuts off
    missing = (0, count - squares.shape[1])
    return torch.nn.functional.pad(axes, missing), torch.nn.functional.pad(squares, missing)


def _turns_among_equals(deviations: Tensor, equal: float, generator: torch.Generator) -> Tensor:
    """Random rotations [p, K, K] of the axes whose standard deviations [p, K] are equal."""
    dim = deviations.shape[1]
    turns = torch.eye(dim, dtype=torch.float64).repeat(len(deviations), 1, 1)
    apart = deviations[:, :-1] - deviations[:, 1:] > equal * deviations[:, :-1]
    for row in (~apart & (deviations[:, 1:] > 0)).any(1).nonzero()[:, 0].tolist():
        ends = [0, *(apart[row].nonzero()[:, 0] + 1).tolist(), dim]
        for start, end in pairwise(ends):
            normal = torch.randn((end - start,) * 2, generator=generator, dtype=torch.float64)
            turns[row, start:end, start:end] = torch.linalg.qr(normal).Q
    return turns.to(deviations.device)
