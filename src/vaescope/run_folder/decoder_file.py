"""``decoder.json``: a decoder that a page can run, or images that it has decoded beforehand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_text

NAME = "decoder.json"


def write_decoder(folder: Path, content: Mapping[str, Any]) -> None:
    """Write what the script of the page needs, whole or not at all."""
    write_text(folder / NAME, json.dumps(content, separators=(",", ":"), allow_nan=False))


def read_decoder(folder: Path) -> Mapping[str, Any] | None:
    """The content; None of a run of an earlier version, or if the file is no JSON."""
    try:
        content = read_json(folder / NAME)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
