"""Alignment of any decoder, also one that vaescope has not trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaescope.alignment.decoder_derivatives import Decode, check_codes, decoder_gram
from vaescope.alignment.orthogonality import (
    distance_to_orthogonality,
    haar_chance,
    right_singular_vectors,
)
from vaescope.errors import InputError


@dataclass(frozen=True)
class DecoderAlignment:
    """How far a decoder's local axes are from the latent axes.

    Attributes:
        dto: mean distance to orthogonality over the codes, 0 (aligned; good) upward.
        chance: the same of local axes with random directions; 0 for one latent.
        by_code: distance at every code `[N]`, float64.
        singular_values: of the Jacobian at every code `[N, D]`, descending, float64; where some
            are 0 or equal, the axes that belong to them are arbitrary, and so is their distance.
    """

    dto: float
    chance: float
    by_code: Tensor
    singular_values: Tensor

    def __repr__(self) -> str:
        return f"DtO {self.dto:.3g} (chance {self.chance:.3g}, {len(self.by_code)} codes)"


def dto(
    decoder: nn.Module | Decode,
    codes: Tensor | np.ndarray,
    *,
    latents: Sequence[int] | None = None,
    memory_mb: int = 96,
) -> DecoderAlignment:
    """Distance to orthogonality (DtO) of any decoder, 0 (aligned) upward, beside its chance level.

    Args:
        decoder: maps codes [n, D] to observations [n, ...], each sample on its own; a module is
            used in evaluation mode and left in the mode it was in. What it returns is what is
            measured: of a decoder of logits give ``lambda z: decoder(z).sigmoid()``.
        codes: where to measure, such as posterior means of held-out images [N, D]; moved to the
            device and type of a module's weights.
        latents: of which the axes are compared, such as the active ones; None: all. A latent that
            the decoder ignores has an arbitrary axis.
        memory_mb: rough budget for intermediate activations, MiB.

    Returns:
        The mean distance, that of random axes, and both by code.

    Raises:
        InputError: codes are no finite matrix, or the decoder does not return one tensor with a
            row for each.

    Source: Rolinek et al. 2019, https://arxiv.org/abs/1812.06775, eq. 29, for the Jacobians of
    forward-mode differentiation. Differs: see `distance_to_orthogonality`.

    Example:
        >>> dto(torch.nn.Linear(2, 5), torch.zeros(3, 2)).chance < 1
        True
        >>> dto(lambda z: z * torch.tensor([1.0, 2.0]), torch.zeros(3, 2))
        DtO 0 (chance 0.546, 3 codes)
    """
    codes = torch.as_tensor(codes)
    like = next(decoder.parameters(), None) if isinstance(decoder, nn.Module) else None
    codes = codes.to(torch.get_default_dtype()) if not codes.is_floating_point() else codes
    codes = codes.detach() if like is None else codes.detach().to(like)
    check_codes(codes)
    if not bool(codes.isfinite().all()):
        raise InputError("codes hold NaN or infinite values: leave such rows out")
    with _evaluating(decoder):
        _check_output(decoder, codes)
        gram = decoder_gram(decoder, codes, memory_mb=memory_mb)
    chosen = _chosen(latents, codes.shape[1])
    vectors, values = right_singular_vectors(gram[:, chosen][:, :, chosen])
    by_code = distance_to_orthogonality(vectors)
    chance = haar_chance(len(chosen))[0]
    return DecoderAlignment(float(by_code.mean()), chance, by_code.cpu(), values.cpu())


@contextmanager
def _evaluating(decoder: Any) -> Iterator[None]:
    """A module in evaluation mode, and every part of it in its own mode again at the end."""
    parts = list(decoder.modules()) if isinstance(decoder, nn.Module) else []
    modes = [part.training for part in parts]
    for part in parts:
        part.training = False
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode


def _check_output(decoder: Decode, codes: Tensor) -> None:
    """Decode two codes: shapes are refused before any time is spent."""
    few = codes[:2]
    try:
        with torch.no_grad():
            output: Any = decoder(few)
    except RuntimeError as error:
        given = f"codes {list(codes.shape)} were given, which the decoder does not take"
        raise InputError(f"{given} ({str(error).partition(chr(10))[0]})") from error
    if not isinstance(output, Tensor):
        raise InputError(
            f"the decoder returns a {type(output).__name__}, but one tensor [N, ...] is needed: "
            "give a function that picks it, lambda z: decoder(z)[0]"
        )
    if output.ndim < 2 or len(output) != len(few):
        raise InputError(
            f"the decoder maps {len(few)} codes to an output of shape {list(output.shape)}, but "
            f"[{len(few)}, ...] is needed"
        )


def _chosen(latents: Sequence[int] | None, dim: int) -> list[int]:
    chosen = list(range(dim)) if latents is None else [int(latent) for latent in latents]
    if not chosen or len({*chosen}) < len(chosen) or not all(0 <= j < dim for j in chosen):
        raise InputError(f"latents={chosen}: give different ones of 0..{dim - 1}, at least one")
    return chosen
