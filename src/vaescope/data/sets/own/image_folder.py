"""Own image folder: your image files, with a csv file of factors or without."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np

from vaescope.data.files.csv_files import csv_columns
from vaescope.data.files.image_files import Decoder, Notes, colour_of, image_size, read_pieces
from vaescope.data.files.image_folders import list_images, plain_suffixes
from vaescope.data.sets.own.datamodule import (
    OwnDataModule,
    OwnImages,
    beside,
    map_converted,
    size_and_time,
)
from vaescope.data.sets.own.factor_columns import FactorTable, factor_table
from vaescope.data.sources import source_of
from vaescope.errors import ConfigError, DataError
from vaescope.ranges import Grey, Side

log = logging.getLogger(__name__)

_VERSION = 2  # of the conversion


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolderDataModule(OwnDataModule):
    """Batches of your own image files in a folder, with a csv file of factors or without.

    The image files are decoded once, to ``data_dir/arrays``, and made square.

    Args:
        path: the folder; needed. All image files in it, its folders and linked folders are taken,
            in the order of their names; what is hidden is passed over.
        factor_values: csv file that begins with a line of column names, see ``csv_columns``, and
            has a line for each image; their order becomes that of the rows. None: no factors are
            known.
        file_column: its column of the image files' paths below the folder.
        factor_names: those of its columns that are factors; None: all but ``file_column``.
        size: side of the images in pixels, by an antialiased bilinear filter; None: the images
            are not resized and must be of one size.
        channels: 3 (red, green, blue) or 1 (grey).
        canvas: what lies behind transparent images: a grey value 0..255, or a colour by its name
            or as ``#rrggbb``.
        suffixes: how the names of image files end, in small or capital letters; any that Pillow
            reads.

    The other arguments are those of ``OwnDataModule``.
    """

    kind_of_path = "folder"
    data_source = source_of("image_folder")

    file_column: str = "file"
    size: Side | None = 64
    channels: Literal[1, 3] = 3
    canvas: str | Grey = "black"
    suffixes: Sequence[str] = ("png", "jpg", "jpeg")

    def __post_init__(self) -> None:
        self._colour = colour_of(self.canvas)
        self.suffixes = plain_suffixes(self.suffixes)
        super().__post_init__()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``(C, H, W)``; without ``size`` that of the first image, from its header."""
        if self.size is None:
            return self.channels, *image_size(self._folder / self._files[0])
        return self.channels, self.size, self.size

    def build(self) -> OwnImages:
        """The data set, converted first if this is its first use."""
        folder, table = self._folder, self._factor_table
        _, height, width = self.image_shape
        shape = (len(self._files), height, width, self.channels)
        listing = json.dumps([(name, *size_and_time(folder / name)) for name in self._files])
        about = {
            "folder": str(folder.resolve()),
            "files": hashlib.sha256(listing.encode()).hexdigest(),
            "size": self.size,
            "channels": self.channels,
            "canvas": self._colour,
            "version": _VERSION,
        }
        notes = Notes()
        decode = partial(self._decode, notes)
        mapped = map_converted(shape, decode, about, folder.resolve().name, self.data_dir)
        for what, count in notes.counts.items():
            log.warning("%s: %s of %s images %s", folder, count, shape[0], self._told(what))
        source = f"{len(self._files)} images in {folder} as {mapped.path.name}"
        return OwnImages(mapped, table.factors, source, table.values)

    def pieces(self, start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, H, W, C]` from row ``start`` on, decoded anew."""
        yield from self._decode(Notes(), start)

    @property
    def _folder(self) -> Path:
        folder = self._given_path
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; check data.path")
        return folder

    def _decode(self, notes: Notes, start: int) -> Iterator[np.ndarray]:
        folder = self._folder
        _, height, width = self.image_shape
        decoder = Decoder(
            size=self.size,
            channels=self.channels,
            expected=(height, width) if self.size is None else None,
            canvas=self._colour,
            upright=True,
            advice="give all images one size, or say data.size=SIDE",
            notes=notes,
        )
        yield from read_pieces(decoder.read, (folder / name for name in self._files[start:]))

    def _told(self, what: str) -> str:
        return {
            "transparent": f"transparent, now on the canvas {self.canvas} (data.canvas)",
            "turned": "turned upright, as their camera says",
            "several": "are the first one of several in a file",
            "rounded": "rounded from 16 bits to 8",
            "cut": "of 16-bit colours, of which the higher 8 bits are kept",
        }[what]

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """Columns of the csv file, that of the files first."""
        if self.factor_values is None:
            return {}
        path = beside(self.factor_values, self._folder)
        names = self.factor_names
        wanted = None if names is None else [self.file_column, *names]
        columns = csv_columns(path, wanted, text=(self.file_column,))
        if self.file_column not in columns:
            raise ConfigError(
                f"file_column={self.file_column!r} was given, but {path} has the columns "
                f"{', '.join(columns)}"
            )
        return columns

    @cached_property
    def _factor_table(self) -> FactorTable:
        columns = {n: column for n, column in self._columns.items() if n != self.file_column}
        return factor_table(columns, self.factor_kinds, len(self._files), str(self.factor_values))

    @cached_property
    def _files(self) -> list[str]:
        """Paths of the image files below the folder, one per row."""
        folder = self._folder
        table = None if self.factor_values is None else beside(self.factor_values, folder)
        found = list_images(folder, self.suffixes, table)
        if not self._columns:
            return found
        listed = [str(Path(name)) for name in self._columns[self.file_column].tolist()]
        if not set(listed) <= set(found):  # as Windows writes paths
            listed = [str(Path(name.replace("\\", "/"))) for name in listed]
        name, count = Counter(listed).most_common(1)[0]
        if count > 1:
            raise DataError(f"{self.factor_values} has {count} lines for {name}; keep one")
        named = set(listed)
        if missing := sorted(named - set(found)):
            raise DataError(
                f"{self.factor_values} names {missing[0]} and {len(missing) - 1} other image files "
                f"that are not in {folder}; put them there or delete their lines"
            )
        if unnamed := sorted(set(found) - named):
            raise DataError(
                f"{self.factor_values} has no line for {unnamed[0]} and {len(unnamed) - 1} other "
                f"image files in {folder}; add lines or move the files elsewhere"
            )
        return listed
