"""Kinds of generative factors: which there are, and how one is guessed from a column of values."""

import numpy as np

KINDS = ("ordinal", "circular", "categorical", "continuous")


def is_whole(column: np.ndarray) -> bool:
    """Whether every value is a whole number, stored as an integer or as a float (``1.0``).

    Args:
        column: values of one factor [N]; text is never whole, an infinity or a NaN neither.

    Returns:
        True for integers and truth values, and for floats without a fraction.

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
    """Kind of a factor of which only the values are known; the one rule for arrays, csv and codes.

    Truth values, text and bytes are categorical; whole numbers, also those stored as floats, are
    ordinal; all other numbers are continuous. Nothing is guessed to be circular.

    Args:
        column: values of one factor [N].

    Returns:
        ``"categorical"``, ``"ordinal"`` or ``"continuous"``.

    Example:
        >>> guessed_kind(np.array([True, False])), guessed_kind(np.array([0.0, 1.0]))
        ('categorical', 'ordinal')
    """
    if column.dtype.kind in "bOSU":
        return "categorical"
    return "ordinal" if is_whole(column) else "continuous"


def holds_angles(column: np.ndarray, kind: str) -> bool:
    """Whether a factor's values are angles in radians, and not numbered places on a circle.

    A circular factor of whole numbers, whatever type they are stored in, has places on a circle of
    largest - smallest + 1 places; with any fraction its values are radians.

    Args:
        column: values of one factor [N].
        kind: the factor's kind.

    Returns:
        True for a circular factor with a value that is not whole.
    """
    return kind == "circular" and not is_whole(column)
