"""Checks of tensors: shapes that do not fit, NaN and infinite values, each told in one sentence."""

from torch import Tensor

from vaescope.errors import InputError


def misfit(needed: str, **given: Tensor) -> InputError:
    """The error for tensors whose shapes do not fit.

    Args:
        needed: shapes that would fit, such as ``[N, D] and [N, K]``.
        **given: the tensors by name.

    Returns:
        An error to raise, with all shapes in it.

    Example:
        >>> import torch
        >>> misfit("[N, D]", codes=torch.zeros(3))
        InputError('codes have shape (3,), but [N, D] is needed')
    """
    shapes = [tuple(tensor.shape) for tensor in given.values()]
    if len(given) == 1:
        name = next(iter(given))
        has = "have" if name.endswith("s") else "has"
        return InputError(f"{name} {has} shape {shapes[0]}, but {needed} is needed")
    told = [f"{name} {shape}" for name, shape in zip(given, shapes, strict=True)]
    return InputError(f"{', '.join(told[:-1])} and {told[-1]} given, but {needed} are needed")


def check_finite(hint: str, **given: Tensor) -> None:
    """Refuse tensors with NaN or infinite values; ``hint`` says what to do about it.

    Raises:
        InputError: for the first that holds one, by its name.
    """
    for name, tensor in given.items():
        if not bool(tensor.isfinite().all()):
            holds = "hold" if name.endswith("s") else "holds"
            raise InputError(f"{name} {holds} NaN or infinite values: {hint}")


def check_matrix(
    name: str, values: Tensor, least: int = 1, hint: str = "check the encoder before scoring it"
) -> None:
    """Refuse what is not a finite matrix of at least so many rows, and of at least one column.

    Args:
        name: what the error calls it.
        values: the matrix [N, D].
        least: rows that are needed.
        hint: what to do about values that are not finite.

    Raises:
        InputError: if it is none.
    """
    if values.ndim != 2 or 0 in values.shape or len(values) < least:
        rows = f" of at least {least} rows" if least > 1 else ""
        raise misfit(f"a non-empty matrix [N, D]{rows}", **{name: values})
    check_finite(hint, **{name: values})


def check_squares(name: str, matrices: Tensor) -> None:
    """Refuse what is not a stack [N, D, D] of finite square matrices.

    Raises:
        InputError: if it is none, which calls it by its ``name``.
    """
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or matrices.shape[2] == 0:
        raise misfit("[N, D, D]", **{name: matrices})
    check_finite("check the decoder's outputs", **{name: matrices})
