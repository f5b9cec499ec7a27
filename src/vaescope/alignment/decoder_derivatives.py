"""Exact Jacobians of a decoder for many codes at once, and their Gram matrices."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from vaescope.tensor_checks import misfit

Decode = Callable[[Tensor], Tensor]

# Largest activations alive at once, by measurement: in and out of a layer, copies of the kernels.
_LIVE_ACTIVATIONS = 6


def decoder_jacobian(
    decode: Decode, codes: Tensor, *, chunk: int | None = None, memory_mb: int = 96
) -> Tensor:
    """Derivative of every output with respect to every latent, at each code; output units.

    Args:
        decode: maps codes [n, D] to outputs [n, ...], each sample on its own (batch norm in
            evaluation mode).
        codes: where to differentiate [N, D].
        chunk: codes differentiated at once; by default as many as fit ``memory_mb``.
        memory_mb: rough budget for intermediate activations, MiB; the result comes on top.

    Returns:
        Jacobians [N, X, D], X outputs in flattened order, without an autograd graph.

    Source: forward-mode differentiation, one tangent per latent; the J of Rolinek et al. 2019,
    https://arxiv.org/abs/1812.06775, eq. 29. Differs: none; exact, no finite differences.

    Example:
        >>> decoder_jacobian(lambda z: z**2, torch.tensor([[1.0, 3.0]])).tolist()
        [[[2.0, 0.0], [0.0, 6.0]]]
    """
    return torch.cat([jacobian for _, jacobian in _chunks(decode, codes, chunk, memory_mb)])


def decoder_gram(
    decode: Decode,
    codes: Tensor,
    curvature: Callable[[Tensor], Tensor] | None = None,
    *,
    chunk: int | None = None,
    memory_mb: int = 96,
) -> Tensor:
    """Inner products of the decoder's Jacobian columns, J^T H J; squared output units.

    Args:
        decode, codes, chunk, memory_mb: as in `decoder_jacobian`.
        curvature: maps flattened outputs [n, X] to the diagonal of H [n, X], at least 0; the
            identity if None.

    Returns:
        Gram matrices [N, D, D], float64. The Jacobians themselves are never stored together.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, section 3; with H, Kumar & Poole
    2020, https://arxiv.org/abs/2002.00041. Differs: H is diagonal.

    Example:
        >>> decoder_gram(lambda z: z**2, torch.tensor([[1.0, 3.0]])).tolist()
        [[[4.0, 0.0], [0.0, 36.0]]]
    """
    metric = torch.ones_like if curvature is None else curvature
    return decoder_grams(decode, codes, {"": metric}, chunk=chunk, memory_mb=memory_mb)[""]


def decoder_grams(
    decode: Decode,
    codes: Tensor,
    metrics: Mapping[str, Callable[[Tensor], Tensor]],
    *,
    chunk: int | None = None,
    memory_mb: int = 96,
) -> dict[str, Tensor]:
    """J^T H J in several metrics H of the output space, for the price of one; squared units.

    Args:
        decode, codes, chunk, memory_mb: as in `decoder_jacobian`.
        metrics: by name; each maps flattened outputs [n, X] to the diagonal of H [n, X].

    Source: as `decoder_gram`. Differs: none.

    Example:
        >>> grams = decoder_grams(lambda z: 2 * z, torch.ones(1, 1), {"plain": torch.ones_like})
        >>> grams["plain"].tolist()
        [[[4.0]]]
    """
    grams: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for output, jacobian in _chunks(decode, codes, chunk, memory_mb):
        columns = jacobian.double()
        for name, metric in metrics.items():
            grams[name].append((columns * metric(output).double()[:, :, None]).mT @ columns)
    return {name: torch.cat(parts) for name, parts in grams.items()}


def column_norms(gram: Tensor) -> Tensor:
    """Lengths of the Jacobian's columns [N, D], output units per latent unit; 0 if ignored.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, the ||c_j|| of Theorem 1.
    Differs: none.

    Example:
        >>> column_norms(torch.tensor([[[4.0, 0.0], [0.0, 9.0]]])).tolist()
        [[2.0, 3.0]]
    """
    return gram.double().diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()


def check_codes(codes: Tensor) -> None:
    """Refuse codes that are not a non-empty matrix [N, D]."""
    if codes.ndim != 2 or 0 in codes.shape:
        raise misfit("a non-empty [N, D]", codes=codes)


def check_chunk(chunk: int) -> None:
    """Refuse a chunk below one code."""
    if chunk < 1:
        raise ValueError(f"chunk = {chunk}, but at least one code at a time is needed")


def push_units(
    decode: Decode, codes: Tensor, at_a_time: int | None = None
) -> tuple[Tensor, Tensor]:
    """Outputs [n, X] and Jacobians [n, X, D] at once; forward mode can differentiate them again.

    Of many latents, so many go through the decoder at a time; None: all.
    """
    num_codes, dim = codes.shape
    units = torch.eye(dim, dtype=codes.dtype, device=codes.device)
    tangents = units[:, None, :].expand(dim, num_codes, dim)
    shared_output: Any = (None, 0)
    push = vmap(lambda tangent: jvp(decode, (codes,), (tangent,)), out_dims=shared_output)
    pushed = [push(some)[:2] for some in tangents.split(at_a_time or dim)]
    output, columns = pushed[0]
    if len(pushed) > 1:
        columns = torch.cat([some for _, some in pushed])
    if output.ndim < 2 or len(output) != num_codes:
        given = f"{num_codes} codes to an output of shape {tuple(output.shape)}"
        raise ValueError(f"decode maps {given}, but [{num_codes}, ...] is needed")
    return output.flatten(1), columns.flatten(2).permute(1, 2, 0)


def copies_that_fit(decode: Decode, codes: Tensor, memory_mb: int) -> int:
    """How many copies of one code's activations (values or tangents) fit the budget."""
    largest = _LargestTensor()
    with torch.no_grad(), largest:
        decode(codes[:1])
    return memory_mb * 2**20 // max(1, _LIVE_ACTIVATIONS * largest.num_bytes)


def _chunks(
    decode: Decode, codes: Tensor, chunk: int | None, memory_mb: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs [n, X] and Jacobians [n, X, D] of one chunk of codes after the other."""
    check_codes(codes)
    at_a_time = codes.shape[1]
    if chunk is None:
        copies = copies_that_fit(decode, codes, memory_mb)
        chunk, at_a_time = max(1, copies // (at_a_time + 1)), min(at_a_time, max(1, copies - 1))
    check_chunk(chunk)
    for part in codes.split(chunk):
        # Forward mode needs ordinary tensors, and evaluation loops run in inference mode.
        with torch.inference_mode(False), torch.no_grad():
            found = push_units(decode, part.clone(), at_a_time)
        yield found


class _LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor that an operation made; views do not count."""

    num_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and not func.is_view:
            self.num_bytes = max(self.num_bytes, result.nbytes)
        return result
