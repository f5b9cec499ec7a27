"""Files that others published: found in the user's folders and checked before they are used."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vaescope.data.cache import file_checksum, overwrite
from vaescope.errors import DataError


@dataclass(frozen=True)
class PublishedFile:
    """One file as its authors published it.

    Args:
        name: its own name.
        algorithm: of the checksum, a name that ``hashlib.new`` knows; empty: none was published.
        checksum: in hexadecimal.
        num_bytes: its size; None: not known.
        addresses: where it can be fetched, the preferred one first; none: only by hand.

    Source: none, ours.
    """

    name: str
    algorithm: str = ""
    checksum: str = ""
    num_bytes: int | None = None
    addresses: tuple[str, ...] = ()

    def checked(self, path: Path) -> str:
        """Checksum ``md5:...`` of the file at ``path``, known to be right; empty: none is known.

        It is computed once: ``NAME.checked.json`` beside it remembers it with the file's size and
        time of change, where that folder can be written.

        Raises:
            DataError: size or checksum are not the published ones.
        """
        size = path.stat().st_size
        if self.num_bytes is not None and size != self.num_bytes:
            short = "it is cut short" if size < self.num_bytes else "it is another file"
            raise DataError(
                f"{path} has {size:,} bytes, the published file {self.num_bytes:,}: {short}; "
                "delete it and fetch it again"
            )
        if not self.algorithm:
            return ""
        facts = {
            "size": size,
            "mtime_ns": path.stat().st_mtime_ns,
            self.algorithm: self.checksum,
        }
        record = path.with_name(f"{path.name}.checked.json")
        if _read_json(record) != facts:
            found = file_checksum(path, self.algorithm)
            if found != self.checksum:
                raise DataError(
                    f"{path} is not the published {self.name}: its {self.algorithm} is {found}, "
                    f"expected {self.checksum}; delete it and fetch it again"
                )
            remember(record, facts)
        return f"{self.algorithm}:{self.checksum}"


def remember(record: Path, facts: object) -> None:
    """Write ``facts`` as json; where the folder cannot be written they are found out again."""
    try:
        overwrite(record, lambda temporary: _write_json(temporary, facts))
    except DataError:
        return


def find_together(files: Sequence[PublishedFile], places: Sequence[Path]) -> list[Path] | None:
    """Paths of all ``files`` in the first of ``places`` that has every one; None: no place has."""
    for place in places:
        paths = [place / file.name for file in files]
        if all(path.is_file() for path in paths):
            return paths
    return None


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # never written, or damaged
        return None
