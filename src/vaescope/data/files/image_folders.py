"""Folders of images: which image files lie in them and in linked folders, and what else does."""

import logging
import os
from collections import Counter, deque
from collections.abc import Collection, Sequence
from pathlib import Path

from vaescope.errors import ConfigError, DataError

log = logging.getLogger(__name__)


def list_images(folder: Path, suffixes: Collection[str], known: Path | None = None) -> list[str]:
    """Paths of the image files below a folder, in the order of their names.

    Hidden files and folders are passed over. Linked folders are read, each folder once however
    many links lead to it. Files of other kinds are counted in a warning.

    Args:
        suffixes: how their names end, without a point, in small letters.
        known: a file that is no image and of which nothing need be told.
    """
    found, others = [], Counter[str]()
    for path in _files(folder):
        suffix = path.suffix.lower().removeprefix(".")
        if suffix in suffixes:
            if path.exists() and not path.is_file():  # to open one may wait for ever
                raise DataError(f"{path} is a pipe, a socket or a device, no image; take it out")
            found.append(str(path.relative_to(folder)))
        elif known is None or path.absolute() != known.absolute():
            others[suffix] += 1
    told = _told(others, suffixes) if others else ""
    if not found:
        kinds = ", ".join(suffixes)
        raise DataError(f"{folder} holds no images ({kinds}); {told or 'check data.path'}")
    if told:
        log.warning("%s: %s", folder, told)
    return sorted(found)


def plain_suffixes(suffixes: Sequence[str]) -> tuple[str, ...]:
    """Endings of names that Pillow reads, without a point, in small letters."""
    from PIL import Image

    given = [suffixes] if isinstance(suffixes, str) else list(suffixes)
    plain = tuple(str(suffix).lower().removeprefix(".") for suffix in given)
    unknown = [suffix for suffix in plain if f".{suffix}" not in Image.registered_extensions()]
    if unknown or not plain:
        raise ConfigError(
            f"suffixes={given} was given; choose some that Pillow reads: png, jpg, jpeg, webp, "
            "bmp, tif, tiff, gif, ..."
        )
    return plain


def _files(folder: Path) -> list[Path]:
    """All files below a folder that are not hidden; what lies in linked folders comes last."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}); check its rights")

    files: list[Path] = []
    seen, starts = set(), deque([folder])
    while starts:
        start = starts.popleft()
        if _identity(start) in seen:
            continue
        for place, folders, names in os.walk(start, onerror=refuse):
            seen.add(_identity(Path(place)))
            inner = [Path(place, name) for name in sorted(folders) if not name.startswith(".")]
            starts.extend(path for path in inner if path.is_symlink())
            kept = [p for p in inner if not p.is_symlink() and _identity(p) not in seen]
            folders[:] = [path.name for path in kept]
            files += [Path(place, name) for name in names if not name.startswith(".")]
    return files


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _told(others: Counter[str], suffixes: Collection[str]) -> str:
    """How many files are left out, and how those that are images are read."""
    from PIL import Image

    kinds = ", ".join(f".{suffix} {count}" for suffix, count in sorted(others.items()))
    count = sum(others.values())
    told = f"{count} file{'s' * (count > 1)} of other kinds left out ({kinds})"
    if more := sorted(s for s in others if f".{s}" in Image.registered_extensions()):
        told += f"; data.suffixes=[{','.join([*suffixes, *more])}] reads images among them"
    return told
