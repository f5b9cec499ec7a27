"""Texts that stand for a value that is not known; they are no class of their own."""

import re

_MISSING_WORDS = frozenset(
    (
        *("", "na", "n/a", "#n/a", "n.a.", "<na>", "nan", "-nan", "nat", "null", "none", "nil"),
        *("missing", "#na", "#n/a n/a", "#value!", "#ref!", "#name?", "#div/0!", "#num!", "#null!"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    )
)
_ONLY_SIGNS = re.compile(r"[?*._~\-\u2010-\u2015]+")  # as -, --, ?, *, a dash or points alone


def is_missing(text: str) -> bool:
    """Whether a text says that there is no value, as programs write it: NA, NaN, null, ?, ..."""
    word = text.strip().lower()
    return word in _MISSING_WORDS or _ONLY_SIGNS.fullmatch(word) is not None
