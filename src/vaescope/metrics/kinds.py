"""Kinds of the factors in a tensor: given, or guessed from each column by the one rule."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vaescope.factor_kinds import KINDS, guessed_kind, holds_angles


def resolved_kinds(factors: Tensor, kinds: Sequence[str] | None = None) -> tuple[str, ...]:
    """Kind of each factor: as given or as `vaescope.factor_kinds.guessed_kind` has it.

    Args:
        factors: values of the factors [N, K].
        kinds: ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"`` per factor [K].
            None: truth values are categorical, whole numbers ordinal whatever type they are stored
            in, all other numbers continuous.
    """
    if factors.ndim != 2 or factors.shape[1] == 0 or factors.is_complex():
        given = f"factors are {factors.dtype} {tuple(factors.shape)}"
        raise ValueError(f"{given}, but real numbers [N, K] are needed")
    if kinds is None:
        return tuple(guessed_kind(column) for column in _columns(factors))
    if len(kinds) != factors.shape[1]:
        needed = f"one for each of {factors.shape[1]} factors is needed"
        raise ValueError(f"{len(kinds)} kinds {list(kinds)}, but {needed}")
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds = {list(kinds)}, but one of {', '.join(KINDS)} is needed for each")
    return tuple(kinds)


def angle_columns(factors: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
    """Which factors [K] are angles in radians, as `vaescope.factor_kinds.holds_angles` has it."""
    named = resolved_kinds(factors, kinds)
    angles = [holds_angles(c, kind) for c, kind in zip(_columns(factors), named, strict=True)]
    return torch.tensor(angles, device=factors.device)


def _columns(factors: Tensor) -> list[np.ndarray]:
    values = factors.detach().cpu()
    # NumPy has no bfloat16, and all other types keep their values in double precision
    return list((values.double() if values.is_floating_point() else values).numpy().T)
