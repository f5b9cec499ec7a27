"""Missing values: texts such as NA or NaN that say that a value is not known, and are no class."""

import re
from collections.abc import Sequence

import numpy as np

_MISSING = re.compile(
    r"|na|n/a|#n/a( n/a)?|#na|n\.a\.|<na>|-?nan|nat|null|none|nil|missing"
    r"|#(value!|ref!|name\?|div/0!|num!|null!)|-?1\.#(ind|qnan)"
    r"|[?*._~\-\u2010-\u2015]+"  # signs alone, as -, --, ?, *, a dash or points
)


def is_missing(text: str) -> bool:
    """Whether a text says that there is no value, as programs write it: NA, NaN, null, ?, ..."""
    return _MISSING.fullmatch(text.strip().lower()) is not None


def first_missing(column: Sequence[str] | np.ndarray) -> tuple[int, str] | None:
    """Row and text of the first value that is missing in a column of text or bytes; None: none."""
    values = column.tolist() if isinstance(column, np.ndarray) else column
    for value in dict.fromkeys(values):  # in the order of their rows
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if is_missing(text):
            return values.index(value), text
    return None
