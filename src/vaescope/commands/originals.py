"""Originals on the command line: what ``data.original=NAME`` and ``data.path=FOLDER`` choose."""

import json
from collections.abc import Sequence
from typing import Any

from vaescope.config.overrides import paths_of, quoted
from vaescope.errors import VaescopeError

_CHOICE = "data@data.original"  # as Hydra has it: an option of the group data, placed there
_OVER_ANOTHER = ("modified", "uniform_noise")


def with_originals(words: Sequence[str], swept: bool = False) -> list[str]:
    """Words in which the original of a data set is an option that Hydra chooses.

    Only an option can choose network and likelihood. Of ``data=modified`` it is the one that the
    folder in ``data.path`` names, with its options there; what the user says of it comes later and
    counts. A folder that cannot be read is told by the job.

    Args:
        words: overrides and options.
        swept: whether each is a sweep's, so that commas part values.

    Example:
        >>> with_originals(["data=uniform_noise", "data.original=panels"])
        ['data=uniform_noise', 'data@data.original=panels']
    """
    given = {key: value for key, _, value in (word.partition("=") for word in words)}
    if given.get("data") not in _OVER_ANOTHER:
        return list(words)
    if "data.original" in given and given["data.original"].lower() != "null":
        return [f"{_CHOICE}{w[13:]}" if w.startswith("data.original=") else w for w in words]
    if given["data"] == "uniform_noise" or {"data.original", _CHOICE} & given.keys():
        return list(words)
    place = words.index("data=modified")
    return [*words[:place], *_stored(given.get("data.path", ""), swept), *words[place:]]


def _stored(value: str, swept: bool) -> list[str]:
    """Words that say the original which all the folders in a value have, as far as it is one."""
    from vaescope.data.sets.modified.folders import read_modified  # imports torch
    from vaescope.data.sets.modified.originals import offered, options_taken

    try:
        found = [read_modified(path).original for path in paths_of(value, swept)]
    except VaescopeError:
        return []
    names = {original["name"] for original in found}
    if len(names) != 1 or not names <= offered().keys():
        return []
    name, options = names.pop(), found[0]["options"]
    if not options.keys() <= {*options_taken(offered()[name])}:
        return []
    same = [k for k in options if all(each["options"].get(k) == options[k] for each in found)]
    chosen = [f"data.original.{key}={_as_word(options[key])}" for key in same]
    return [f"{_CHOICE}={name}", *chosen]


def _as_word(value: Any) -> str:
    """A plain value as Hydra reads it."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{','.join(map(_as_word, value))}]"
    return json.dumps(value)
