"""Data sets of published image files: found, checked, converted once, memory-mapped."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from vaescope.data.files.cache import overwrite
from vaescope.data.files.npy_cache import MappedArray, convert, read_record, require_converted
from vaescope.data.files.published import MissingFilesError, PublishedFile, find_together
from vaescope.data.files.verification import FileCheck, check_converted, check_published
from vaescope.data.stored import StoredDataset
from vaescope.errors import DataError

_UNCHECKED = "not checked"


@dataclass(eq=False, repr=False)
class ConvertedDataset(StoredDataset):
    """Images from published files that ``data_dir`` holds, in ``FOLDER`` or directly.

    The first use converts them to ``data_dir/FOLDER/STEM-vN.npy``; the published files may be
    removed afterwards. A subclass says its ``data_source`` and writes ``pieces``; options that
    change the pixels go into ``stem``.

    Attributes:
        version: of the conversion; a new one when the pixels change.
        places: the folders that the published files are looked for in.
        path: the converted file.
    """

    version: ClassVar[int] = 1

    data_dir: str | Path | None = None

    def __len__(self) -> int:
        return self.num_images

    def load(self) -> None:
        """Open the converted images and tables; the first use converts the published files."""
        self.places = self.data_source.places(self.data_dir)
        self.path = self.places[0] / f"{self.stem}-v{self.version}.npy"
        if not self.path.exists():
            self._convert()
        record = read_record(self.path)
        kept = _load_tables(self.path, record.get("tables", ()))
        made_of = ", ".join(
            f"{name} ({_UNCHECKED})" if told.startswith(_UNCHECKED) else name
            for name, told in record.get("files", {}).items()
        )
        digest = record.get("sha256", "")[:16]
        self._hold(
            MappedArray(self.path, self.stored_shape, require_converted),
            f"{self.title}: {made_of or 'unknown files'} as {self.path.name} (sha256 {digest})",
            kept.pop("table", None),
            kept.pop("labels", None),
        )
        self.tables = kept

    @property
    def stem(self) -> str:
        """Name of the converted file, with every option that changes its pixels."""
        return self.data_source.folder

    @property
    def num_images(self) -> int:
        """Number of rows."""
        return self.factors.num_combinations

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape `[N, H, W, C]` of all images."""
        channels, height, width = self.image_shape
        return self.num_images, height, width, channels

    def find(self, places: list[Path]) -> list[Path] | None:
        """Paths of the published files in the first place that has them all; None: no place has."""
        return find_together(self.data_source.files, places)

    def verify(self) -> Iterator[FileCheck]:
        """The published files by their checksums, and the images that were converted of them."""
        self.load()
        known = {file.name: file for file in self.data_source.files}
        found = self.find(self.places) or []
        for path in found:
            if path.name in known:
                yield check_published(known[path.name], path)
            else:
                yield FileCheck(path, "not checked: no checksum of it was published")
        if not found:
            told = "the published files are not there; the converted images do without them"
            yield FileCheck(self.places[0], told)
        yield check_converted(self.path)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, H, W, C]` in the order of the rows, from what ``find`` found."""
        raise NotImplementedError(f"{type(self).__name__} has to define pieces(paths, start)")

    def read_tables(self, paths: list[Path]) -> dict[str, np.ndarray]:
        """What is kept of images beside their pixels: ``table``, ``labels``, others `[N, ...]`."""
        return {}

    def _convert(self) -> None:
        paths = self.find(self.places)
        if paths is None:
            raise MissingFilesError(self.data_source.missing_message(self.places))
        files = {path.name: self._identity(path) for path in paths}
        tables = self.read_tables(paths)
        about: dict[str, Any] = {"title": self.title, "version": self.version, "files": files}
        if tables:
            about["tables"] = sorted(tables)

            def save(temporary: Path) -> None:
                with temporary.open("wb") as file:
                    np.savez(file, **tables)  # type: ignore[arg-type]

            overwrite(_tables_path(self.path), save)
        convert(self.path, self.stored_shape, lambda start: self.pieces(paths, start), about)

    def _identity(self, path: Path) -> str:
        """Checksum of what was found, known to be right if that was published."""
        for file in self.data_source.files:
            if file.name == path.name:
                return file.identify(path)
        if not path.is_file():
            return f"{_UNCHECKED}: a folder"
        return f"{_UNCHECKED}: {PublishedFile(path.name).identify(path)}"


def _tables_path(path: Path) -> Path:
    return path.with_suffix(".tables.npz")


def _load_tables(path: Path, expected: Iterable[str]) -> dict[str, torch.Tensor]:
    """What is kept of every image in ``path`` beside its pixels; at least the ``expected``."""
    tables = _tables_path(path)
    kept = {}
    try:
        if tables.exists():
            # numpy would leave a damaged file open that it had opened itself
            with tables.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                kept = {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{tables} is damaged ({error}); delete {path} and run again") from error
    if missing := sorted(set(expected) - set(kept)):
        raise DataError(f"{tables} lacks {', '.join(missing)}; delete {path} and run again")
    return kept
