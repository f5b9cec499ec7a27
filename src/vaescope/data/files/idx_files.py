"""idx files (MNIST): unsigned bytes behind a short header, found, checked and read."""

import gzip
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaescope.data.files.damage import report_damage
from vaescope.data.files.published import MissingFilesError
from vaescope.errors import DataError

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTES = 8  # the header's code of the type


@dataclass(frozen=True)
class IdxFile:
    """A published file that holds one array of unsigned bytes.

    Source: LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/, "file formats". Differs:
    only arrays of unsigned bytes are read.
    """

    title: str  # of the data set
    name: str  # without ".gz"
    shape: tuple[int, ...]
    md5: str  # of the decompressed bytes with the header: an array has many compressed forms

    def path_in(self, folder: Path) -> Path | None:
        """Where it lies in ``folder``, the decompressed file first; None if it does not."""
        places = (folder / self.name, folder / f"{self.name}.gz")
        return next((place for place in places if place.is_file()), None)

    def read(self, path: Path) -> np.ndarray:
        """The array, uint8 of ``shape``, read only; gzipped or not, whatever the file's name."""
        sides = np.array(self.shape, dtype=">u4").tobytes()
        header = bytes((0, 0, _UNSIGNED_BYTES, len(self.shape))) + sides
        num_bytes = len(header) + math.prod(self.shape)
        with report_damage(path, self.title), path.open("rb") as raw:
            zipped = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            # one byte more than there should be: a file that is too long is noticed, and one
            # of the right length is read to its end, where gzip checks it
            content = (gzip.GzipFile(fileobj=raw) if zipped else raw).read(num_bytes + 1)
        fault = ""
        if content[:4] != header[:4]:
            fault = (
                f"begins with the bytes {content[:4].hex() or '(none)'}, expected "
                f"{header[:4].hex()}: it is no idx file of unsigned bytes with {len(self.shape)} "
                "axes"
            )
        elif len(content) >= len(header) and content[4 : len(header)] != header[4:]:
            shape = np.frombuffer(content[4 : len(header)], ">u4").tolist()
            fault = f"holds an array of shape {shape}, expected {list(self.shape)}"
        elif len(content) != num_bytes:
            length = "more" if len(content) > num_bytes else f"{len(content):,}"
            fault = (
                f"should hold {num_bytes:,} bytes (decompressed) but holds {length}: it is cut "
                "short or damaged"
            )
        elif (found := hashlib.md5(content, usedforsecurity=False).hexdigest()) != self.md5:
            fault = (
                f"is not {self.title}'s {self.name}: the md5 of its bytes (decompressed) is "
                f"{found}, expected {self.md5}"
            )
        if fault:
            raise DataError(f"{path} {fault}; fetch {self.title}'s {self.name} again")
        return np.frombuffer(content, np.uint8, offset=len(header)).reshape(self.shape)


def find_files(files: Sequence[IdxFile], places: Sequence[Path], advice: str) -> list[Path]:
    """Paths of all ``files`` of a set, in their order, in the first place that has every one.

    If none has, a ``MissingFilesError`` ends with the ``advice``.
    """
    looked = []
    for place in places:
        found = {file.name: file.path_in(place) for file in files}
        paths = [path for path in found.values() if path is not None]
        if len(paths) == len(files):
            return paths
        lacks = ", ".join(name for name, path in found.items() if path is None)
        looked.append(f"{place} (lacks {lacks})" if paths else f"{place}")
    names = ", ".join(file.name for file in files)
    raise MissingFilesError(
        f"no {files[0].title} files: looked for {names}, each with or without .gz, in "
        f"{' and '.join(looked)}; {advice}"
    )
