"""Data sets of published image files: found, checked, converted once, memory-mapped."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from vaescope.data.cache import default_data_dir, write_once
from vaescope.data.convert import convert, record_of
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.mapped import MappedArray
from vaescope.data.published import PublishedFile, find_together
from vaescope.data.stored import StoredDataset
from vaescope.errors import DataError


class ConvertedDataset(StoredDataset):
    """Images from published files that ``data_dir`` holds, in ``FOLDER`` or directly.

    The first use converts them to ``data_dir/FOLDER/STEM-vN.npy``; the published files may be
    removed afterwards. A subclass sets the attributes and writes ``pieces``; options that change
    the pixels go into ``stem``, and are set before this constructor runs.

    Args:
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    Attributes:
        title: the data set's name, for people.
        name: its option of the group ``data``.
        folder: where its files lie below ``data_dir``; ours are written there.
        other_folders: where other programs put them.
        published: the files, all of which are needed.
        licence: of the images.
        version: of the conversion; a new one when the pixels change.

    Raises:
        DataError: files are missing, damaged or not the published ones, or the disk is full.

    Source: none, ours.
    """

    title: ClassVar[str]
    name: ClassVar[str]
    folder: ClassVar[str]
    other_folders: ClassVar[tuple[str, ...]] = (".",)
    published: ClassVar[tuple[PublishedFile, ...]]
    licence: ClassVar[str]
    version: ClassVar[int] = 1

    def __init__(self, data_dir: str | Path | None = None) -> None:
        data_dir = default_data_dir() if data_dir is None else Path(data_dir).expanduser()
        path = data_dir / self.folder / f"{self.stem}-v{self.version}.npy"
        tables = path.with_suffix(".tables.npz")
        channels, height, width = self.image_shape
        shape = (self.num_images, height, width, channels)
        if not path.exists():
            self._convert(path, tables, shape, data_dir)
        kept = {}
        if tables.exists():
            with np.load(tables, allow_pickle=False) as archive:
                kept = {name: torch.from_numpy(archive[name]) for name in archive.files}
        record = record_of(path)
        made_of = ", ".join(record.get("files", ())) or "files that are not on record"
        super().__init__(
            MappedArray(path, shape),
            self.factors,
            f"{self.title}: {made_of} as {path.name} (sha256 {record.get('sha256', '')[:16]})",
            kept.pop("table", None),
            kept.pop("labels", None),
        )
        self.tables = kept

    @property
    def stem(self) -> str:
        """Name of the converted file, with every option that changes its pixels."""
        return self.folder

    @property
    def num_images(self) -> int:
        """Number of rows."""
        return self.factors.num_combinations

    def find(self, places: list[Path]) -> list[Path] | None:
        """Paths of the published files in the first place that has them all; None: no place has."""
        return find_together(self.published, places)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, H, W, C]` in the order of the rows, from row ``start`` on.

        Args:
            paths: what ``find`` found, checked.
            start: the first row that is wanted.

        Raises:
            DataError: a file is damaged or laid out differently.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define pieces(paths, start)")

    def read_tables(self, paths: list[Path]) -> dict[str, np.ndarray]:
        """What is kept of every image beside its pixels: ``table``, ``labels``, others `[N, ...]`.

        Args:
            paths: what ``find`` found, checked.
        """
        return {}

    def _convert(self, path: Path, tables: Path, shape: tuple[int, ...], data_dir: Path) -> None:
        places = [data_dir / folder for folder in (self.folder, *self.other_folders)]
        paths = self.find(places)
        if paths is None:
            raise DataError(missing_message(self, places))
        known = {file.name: file for file in self.published}
        files = {p.name: known[p.name].checked(p) for p in paths if p.name in known}
        about = {"title": self.title, "version": self.version, "files": files}
        if kept := self.read_tables(paths):
            tables.unlink(missing_ok=True)
            write_once(tables, lambda temporary: _save(temporary, kept))
        convert(path, shape, lambda start: self.pieces(paths, start), about)


@dataclass(kw_only=True, eq=False, repr=False)
class ConvertedDataModule(FactorDataModule):
    """Batches of a ``ConvertedDataset``.

    Args:
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class: ClassVar[type[ConvertedDataset]]

    data_dir: str | Path | None = None

    def build(self) -> FactorDataset:
        """The data set, converted first if this is its first use."""
        return self.dataset_class(self.data_dir)


def missing_message(dataset: ConvertedDataset, places: list[Path]) -> str:
    """What was looked for, where, and how to get it."""
    names = ", ".join(file.name for file in dataset.published)
    where = shlex.quote(str(places[0].parent))
    by_hand = [file for file in dataset.published if not file.addresses]
    advice = (
        f"fetch it by `vaescope data fetch data={dataset.name} data_dir={where}`"
        if not by_hand
        else f"put it into {places[0]}"
    )
    looked = " and ".join(dict.fromkeys(str(place) for place in places))
    return f"no {dataset.title} files: looked for {names} in {looked}; {advice}"


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
