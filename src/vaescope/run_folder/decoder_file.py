"""``decoder.json``: decoders that a page can run, or images that they have decoded beforehand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_text

NAME = "decoder.json"


def write_decoders(folder: Path, members: Sequence[Mapping[str, Any]]) -> None:
    """Write what the script of the page needs of each member, whole or not at all."""
    content = {"members": members}
    write_text(folder / NAME, json.dumps(content, separators=(",", ":"), allow_nan=False))


def read_decoders(folder: Path) -> list[Mapping[str, Any]]:
    """What it holds of each member; nothing of a run that left none, or if it is no JSON."""
    try:
        content = read_json(folder / NAME)
    except (OSError, ValueError):
        return []
    if not isinstance(content, dict):
        return []
    members = content.get("members", [content])  # runs of an earlier version have the first alone
    return [each for each in members if isinstance(each, dict)] if isinstance(members, list) else []
