"""Hydra overrides: quote names of files and other texts, so that they mean themselves."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf

from vaescope.config.groups import OPTIONAL
from vaescope.config.loading import unlinked

PATH_LISTS = {"runs"}
# keys whose values are files or folders
PATHS = PATH_LISTS | {
    "data.path",
    "data.factor_values",
    "data.original.path",
    "data.original.factor_values",
    "data_dir",
    "run",
    "checkpoint",
    "codes",
    "codes_file",
    "csv",
    "parquet",
    "latex",
    "output_dir",
    "hydra.run.dir",
    "hydra.sweep.dir",
}
_SWEPT = re.compile(r"(choice|glob|range|interval|shuffle|sort|tag)\(")
_PIECE = re.compile(
    r"""\s*('(?:\\.|[^'\\])*'(?=\s*(?:,|$))|"(?:\\.|[^"\\])*"(?=\s*(?:,|$))|[^,]+)"""
)


def as_typed(words: Any) -> list[str]:
    """Overrides that Hydra keeps of a command line; links in them are not followed."""
    kept: Any = OmegaConf.to_container(words, resolve=False)
    return [str(word) for word in kept]


def quoted(text: str) -> str:
    """A text in quotes: Hydra, reading it as a value, gets the text back, whatever is in it."""
    return QuotedString(unlinked(text), Quote.single).with_quotes()


def word(key: str, text: object) -> str:
    """``key='text'``: an override that sets a key to a text."""
    return f"{key}={quoted(str(text))}"


def text_of(value: str) -> str | None:
    """The text that a value is to Hydra; None if it is none: a number, a list, a mistake."""
    try:
        override = OverridesParser.create().parse_override(f"key={value}")
        found = None if override.is_sweep_override() else override.value()
    except (HydraException, ValueError):
        return None
    return found if isinstance(found, str) else None


def path_of(value: str) -> Path:
    """The file or folder that a user means by a value, written as the shell or as Hydra has it."""
    text = os.path.expanduser(value)
    return Path(text if _exists(text) else text_of(value) or text)


def paths_of(value: str, swept: bool = False) -> list[Path]:
    """The files or folders that a user means by a value, of a sweep perhaps several."""
    if not value or (swept and _SWEPT.match(value)):
        return []
    parted = swept and "," in value and not _exists(os.path.expanduser(value))
    return [path_of(piece) for piece in (_pieces(value) if parted else [value])]


def with_literal_paths(words: Sequence[str], swept: bool = False) -> list[str]:
    """Words of a command line in which the names of files and folders mean themselves.

    Hydra reads ``run=1``, ``it's`` and ``2024_01`` as mistakes or numbers. A name is quoted if it
    exists as it is typed, or if Hydra could not read it as a text; quotes, escapes, links and
    values to sweep over keep their meaning.

    Args:
        words: overrides and options.
        swept: whether each is a sweep's, so that commas part values.
    """
    return [_literal(each, swept) for each in words]


def _literal(each: str, swept: bool) -> str:
    key, _, value = each.partition("=")
    if key in OPTIONAL and value.lower() == "null":
        return f"~{key}"  # as Hydra takes view=null
    name = key.lstrip("+")
    if name in PATHS and value.strip() and value.lower() != "null":
        return f"{key}={_listed(value) if name in PATH_LISTS else _path(value, swept)}"
    return each


def _path(value: str, swept: bool = False) -> str:
    text = os.path.expanduser(value)
    if _exists(text) and not (swept and "," in text):
        return quoted(text)
    if "${" in text or text_of(text) is not None or (swept and _SWEPT.match(text)):
        return text
    if swept and "," in text:
        return ",".join(map(_path, _pieces(text)))
    return quoted(text)


def _listed(value: str) -> str:
    if _exists(value) or not (value.startswith("[") and value.endswith("]")):
        return _path(value)
    return f"[{','.join(map(_path, _pieces(value[1:-1])))}]"


def _pieces(text: str) -> list[str]:
    """A text parted at its commas, but for those in quotes and in names that exist."""
    parts, found = [part.strip() for part in _PIECE.findall(text)], []
    while parts:
        joined = (n for n in range(len(parts), 1, -1) if _exists(",".join(parts[:n])))
        number = 1 if _exists(parts[0]) else next(joined, 1)
        found.append(",".join(parts[:number]))
        parts = parts[number:]
    return [part for part in found if part]


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, no such user
        return False
