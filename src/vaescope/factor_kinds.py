"""Kinds of generative factors: which there are, and how one is guessed from a column of values."""

import numpy as np

KINDS = ("ordinal", "circular", "categorical", "continuous")


def is_whole(column: np.ndarray) -> bool:
    """Whether every value [N] of a factor is whole: integers, truth values, or ``1.0``.

    Text is never whole, an infinity or a NaN neither.

    Example:
        >>> is_whole(np.array([1.0, 3.0])), is_whole(np.array([1.0, 2.5]))
        (True, False)
    """
    if column.dtype.kind in "biu":
        return True
    if column.dtype.kind != "f":
        return False
    return bool((np.isfinite(column) & (column == np.floor(column))).all())


def guessed_kind(column: np.ndarray) -> str:
    """Kind of a factor of which only the values [N] are known; the rule for arrays, csv and codes.

    Truth values, text and bytes are categorical; whole numbers, also those stored as floats, are
    ordinal; all other numbers are continuous. Nothing is guessed to be circular.

    Example:
        >>> guessed_kind(np.array([True, False])), guessed_kind(np.array([0.0, 1.0]))
        ('categorical', 'ordinal')
    """
    if column.dtype.kind in "bOSU":
        return "categorical"
    return "ordinal" if is_whole(column) else "continuous"


def holds_angles(column: np.ndarray, kind: str) -> bool:
    """Whether a factor's values [N] are angles in radians, and not numbered places on a circle.

    A circular factor of whole numbers, whatever type they are stored in, has places on a circle of
    largest - smallest + 1 places; with any fraction its values are radians.
    """
    return kind == "circular" and not is_whole(column)
