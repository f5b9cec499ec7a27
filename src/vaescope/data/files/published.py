"""Published files: found in the user's folders, and checked before they are used."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaescope.data.files.checksums import file_checksum, read_record, write_record
from vaescope.errors import DataError

_CHECKED = "checked"  # NAME.checked.json: not NAME.json, which may be the user's own


class MissingFilesError(DataError):
    """Files that a data set is read from are in none of the places where they are looked for."""


@dataclass(frozen=True)
class PublishedFile:
    """One file as its authors published it."""

    name: str
    algorithm: str = ""  # of the checksum, as `hashlib.new` has it; empty: none was published
    checksum: str = ""  # in hexadecimal
    num_bytes: int | None = None  # None: not known
    addresses: tuple[str, ...] = ()  # where it can be fetched, the best first; none: only by hand
    page: str = ""  # where people find it, if it is fetched by hand; empty: not known
    advice: str = "delete it and fetch it again"  # if it is wrong

    def identify(self, path: Path, *, remember: bool = True) -> str:
        """Checksum ``md5:...`` of the file at ``path``, known to be right if one was published.

        Otherwise it is the SHA-256 of what lies there, which tells one file from another. It is
        computed once: ``NAME.checked.json`` beside the file remembers it with the file's size and
        time of change, where that folder can be written.
        """
        facts, kept = _facts(path), read_record(path, _CHECKED)
        known = str(kept.get(self._algorithm))
        is_known = kept == facts | {self._algorithm: known}
        digest = known if is_known else self.digest(path)
        if fault := self.fault(path, digest):
            raise DataError(f"{path} {fault}; {self.advice}")
        if remember and not is_known and _facts(path) == facts:  # not changed while it was read
            self.remember(path, digest)
        return f"{self._algorithm}:{digest}"

    def digest(self, path: Path) -> str:
        """Checksum, in hexadecimal, of the file at ``path``; empty if its size is wrong already."""
        wrong_size = self.num_bytes is not None and path.stat().st_size != self.num_bytes
        return "" if wrong_size else file_checksum(path, self._algorithm)

    def fault(self, path: Path, digest: str) -> str:
        """What is wrong with the file at ``path`` that has this ``digest``; empty: nothing."""
        size = path.stat().st_size
        if self.num_bytes is not None and size != self.num_bytes:
            short = "it is cut short" if size < self.num_bytes else "it is another file"
            return f"has {size:,} bytes, the published file {self.num_bytes:,}: {short}"
        if self.algorithm and digest != self.checksum:
            return (
                f"is not the published {self.name}: its {self.algorithm} is {digest}, expected "
                f"{self.checksum}"
            )
        return ""

    def remember(self, path: Path, digest: str) -> None:
        """Spare the next ``identify`` the reading of a file whose ``digest`` is known."""
        with suppress(OSError):  # else it is found out again
            write_record(path, _facts(path) | {self._algorithm: digest}, _CHECKED)

    @property
    def _algorithm(self) -> str:
        return self.algorithm or "sha256"


def find_together(files: Sequence[PublishedFile], places: Sequence[Path]) -> list[Path] | None:
    """Paths of all ``files`` in the first of ``places`` that has every one; None: no place has."""
    return find_by_names([[file.name] for file in files], places)


def find_by_names(wanted: Sequence[Sequence[str]], places: Sequence[Path]) -> list[Path] | None:
    """As ``find_together``, of what is called by one of several names each, the best one first."""
    for place in places:
        paths = [[place / n for n in names if (place / n).exists()] for names in wanted]
        if all(paths):
            return [present[0] for present in paths]
    return None


def _facts(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
