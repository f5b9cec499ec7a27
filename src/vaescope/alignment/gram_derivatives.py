"""Off-axis derivatives: do the decoder's singular values depend on their own latents alone?"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp, vmap

from vaescope.alignment.decoder_derivatives import (
    Decode,
    check_chunk,
    check_codes,
    copies_that_fit,
    push_units,
)
from vaescope.alignment.orthogonality import nearest_signed_permutation, right_singular_vectors
from vaescope.tensor_checks import check_squares

Metric = Callable[[Tensor], Tensor]

# Singular values below this share of the largest are lost in a Gram matrix of doubles.
_LOST = 1e-8


def off_axis_derivatives(
    decode: Decode,
    codes: Tensor,
    metric: Metric | None = None,
    *,
    chunk: int | None = None,
    memory_mb: int = 96,
) -> Tensor:
    """Relative change of each singular value along each latent, per latent unit.

    Costs about (D + 1)^2 decodes per code. A decoder that is linear in pieces (ReLU to the end)
    has zeros almost everywhere: take a smooth one, or a metric that depends on the output.

    Args:
        decode: maps codes [n, D] to outputs [n, ...], each sample on its own (batch norm in
            evaluation mode), twice differentiable in forward mode.
        codes: where to differentiate [N, D].
        metric: maps flattened outputs [n, X] to the diagonal of H [n, X], differentiable and at
            least 0; the identity if None. The singular values are those of H^(1/2) J.
        chunk: codes differentiated at once; by default as many as fit ``memory_mb``.
        memory_mb: rough budget for intermediate activations, MiB; one code along one latent is
            the least that is held.

    Returns:
        Derivatives [N, D, D], float64: entry (j, k) is d log s_j / d z_k, s_j the singular value
        that the nearest signed permutation P(V) gives to latent j. Rows of singular values below
        1e-8 of the largest are 0. Among equal singular values the assignment is arbitrary, and
        among nearly equal ones derivatives may be large.

    Source: Allen 2024, "Unpicking Data at the Seams", https://arxiv.org/abs/2410.22559: s_j is to
    depend on z_j alone. Differs: theirs is the condition, this is the derivative it sets to 0;
    exact, by first-order perturbation of the eigenvalues of J^T H J.

    Example:
        >>> off_axis_derivatives(torch.exp, torch.zeros(1, 2)).tolist()  # s_j = exp(z_j)
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    check_codes(codes)
    room, dim = copies_that_fit(decode, codes, memory_mb), codes.shape[1]
    if chunk is None:
        chunk = max(1, room // (dim + 1) ** 2)
    check_chunk(chunk)
    at_once = min(dim, max(1, room // (chunk * (dim + 1)) - 1))
    parts = codes.split(chunk)
    return torch.cat([_relative_slopes(*_gram_slopes(decode, p, metric, at_once)) for p in parts])


def off_axis_share(derivatives: Tensor) -> Tensor:
    """Share of squared derivatives off the diagonal, 0 (s_j depends on z_j alone; good) to 1.

    Args:
        derivatives: `off_axis_derivatives` [N, D, D]. Leave out switched-off latents, rows and
            columns, first: the relative change of a vanishing singular value is noise.

    Returns:
        Shares [N], float64; 0 if all derivatives vanish, as for a linear decoder. About
        1 - 1 / D if a singular value depends on every latent alike.

    Source: as `off_axis_derivatives`. Differs: the share is ours.

    Example:
        >>> round(off_axis_share(torch.tensor([[[1.0, 1.0], [0.0, 1.0]]])).item(), 3)
        0.333
    """
    check_squares("derivatives", derivatives)
    largest = derivatives.double().abs().amax((1, 2), keepdim=True)
    squares = (derivatives.double() / largest.where(largest > 0, 1.0)).square()
    total, own = squares.sum((1, 2)), squares.diagonal(dim1=1, dim2=2).sum(1)
    return ((total - own) / total.where(total > 0, 1.0)).clamp(0, 1)


def _gram_slopes(
    decode: Decode, codes: Tensor, metric: Metric | None, at_once: int
) -> tuple[Tensor, Tensor]:
    """J^T H J [n, D, D] and its derivatives along the latents [n, D, D, D], latent second."""

    def gram(points: Tensor) -> Tensor:
        output, jacobian = push_units(decode, points)
        columns = jacobian.double()
        if metric is None:
            return columns.mT @ columns
        return (columns * metric(output).double()[:, :, None]).mT @ columns

    # Forward mode needs ordinary tensors, and evaluation loops run in inference mode.
    with torch.inference_mode(False), torch.no_grad():
        codes = codes.clone()
        units = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
        slope = vmap(lambda unit: jvp(gram, (codes,), (unit.expand_as(codes),))[1])
        slopes = torch.cat([slope(part) for part in units.split(at_once)])
        return gram(codes), slopes.movedim(0, 1)


def _relative_slopes(gram: Tensor, slopes: Tensor) -> Tensor:
    """Derivatives d log s_j / d z_k [n, D, D] from the Gram matrices and their derivatives."""
    if not bool(slopes.isfinite().all()):
        raise ValueError("the second derivatives of decode or metric are NaN or infinite")
    vectors, values = right_singular_vectors(gram)
    places = nearest_signed_permutation(vectors).abs()  # [n, latent, singular value]
    mine = vectors @ places.mT  # column j: the right singular vector of latent j
    values = (places @ values[:, :, None])[:, :, 0]
    changes = torch.einsum("naj,nkab,nbj->njk", mine, slopes, mine)
    found = values > _LOST * values.amax(1, keepdim=True)
    squares = values.square().where(found, 1.0)
    return 0.5 * changes.where(found[:, :, None], 0.0) / squares[:, :, None]
