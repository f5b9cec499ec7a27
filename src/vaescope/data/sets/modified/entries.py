"""What each entry of ``modified.json`` has to be: a right sum does not say who wrote it."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaescope.ranges import Count, Epsilon, Finite, fits, words

KINDS: Mapping[str, Any] = {
    "version": int,
    "original": dict,
    "epsilon": Epsilon,
    "clip": bool,
    "facts": dict,
    "checksum": str,
}
_OF_ORIGINAL: Mapping[str, Any] = {
    "name": str,
    "options": dict,
    "source": str,
    "num_images": Count,
    "image_shape": list[Count],
    "factors": dict,
    "sample": list[list[Finite]],
}


def unfit_entries(about: Mapping[str, Any]) -> list[str]:
    """What is said of each entry that is missing or of another kind."""
    return [*_unfit(about, KINDS), *_unfit(about["original"], _OF_ORIGINAL)]


def _unfit(given: Any, kinds: Mapping[str, Any]) -> Iterator[str]:
    entries = given if isinstance(given, dict) else {}
    for key, kind in kinds.items():
        if key not in entries:
            yield f"{key} is missing"
        elif not fits(entries[key], kind):
            yield f"{key} is not {words(kind)}"
