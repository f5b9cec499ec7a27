"""A user's own images or vectors in an npy, npz or HDF5 file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaescope.data.array_files import Header, array_pieces, headers, read_array
from vaescope.data.csv_files import SUFFIXES as TEXT_SUFFIXES
from vaescope.data.csv_files import csv_columns
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factor_table import FactorTable, array_columns, factor_table
from vaescope.data.factors import Factors
from vaescope.data.mapped import MappedArray
from vaescope.data.own_images import (
    OwnImages,
    OwnVectors,
    beside,
    converted,
    facts,
    require_factor_values,
    required_path,
)
from vaescope.errors import ConfigError, DataError

_NAMES = ("images", "imgs", "image", "observations", "x", "data")
_VERSION = 1  # of the conversion


class ViewedArray(MappedArray):
    """A user's own uint8 npy file, memory-mapped and seen as `[N, H, W, C]`.

    Args:
        path: the file.
        shape: what it holds.
        layout: ``NHW``, ``NHWC`` or ``NCHW``.

    Raises:
        DataError: it is damaged.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], layout: str) -> None:
        self._stored, self._layout = tuple(shape), layout
        super().__init__(path, shape)
        self.shape = self.array.shape

    def _open(self) -> None:
        super()._open()
        self.array = _viewed(self.array, self._layout)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "shape": self._stored, "layout": self._layout}


@dataclass(frozen=True)
class ImagesInFile:
    """Which array of a file holds the images, and how.

    Args:
        path: the file.
        key: the array's name in it.
        header: its shape and type.
        white: value of a white pixel; None: 255 of integers, 1 of floats and booleans.
    """

    path: Path
    key: str
    header: Header
    white: float | None

    @property
    def layout(self) -> str:
        """``NX`` for vectors, ``NHW``, ``NHWC`` or ``NCHW`` for images.

        Raises:
            ConfigError: it is none of these.
        """
        shape, kind = self.header.shape, self.header.dtype.kind
        if len(shape) == 2 and kind == "f":
            return "NX"
        if len(shape) == 3 and kind in "biuf":
            return "NHW"
        if len(shape) == 4 and kind in "biuf" and 1 <= min(shape[1], shape[3]) <= 4:
            return "NHWC" if shape[3] <= 4 else "NCHW"
        raise ConfigError(
            f"{self.key} in {self.path} is {self.header}; images are numbers [N, H, W], "
            "[N, H, W, C] or [N, C, H, W] with at most 4 channels C, vectors floats [N, X]"
        )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``(C, H, W)``, or ``(X,)`` for vectors."""
        shape = self.header.shape
        if self.layout == "NX":
            return (shape[1],)
        sides = {"NHW": (1, *shape[1:]), "NCHW": shape[1:]}
        return sides.get(self.layout, (shape[-1], *shape[1:3]))

    def opened(self, data_dir: str | Path | None) -> MappedArray:
        """The images, memory-mapped: the file itself if it can be, else converted at first use."""
        white = self.white in (None, 255)
        if self.path.suffix == ".npy" and self.header.dtype == np.uint8 and white:
            mapped = ViewedArray(self.path, self.header.shape, self.layout)
            self._bytes(mapped.array[:1000], 0)  # tells whether white seems to be something else
            return mapped
        channels, height, width = self.image_shape
        shape = (self.header.shape[0], height, width, channels)
        about = {
            "file": str(self.path.resolve()),
            "size_and_time": facts(self.path),
            "key": self.key,
            "white": self.white,
            "version": _VERSION,
        }
        return converted(shape, self._pieces, about, self.path.stem, data_dir)

    def _pieces(self, start: int) -> Iterator[np.ndarray]:
        for piece in array_pieces(self.path, self.key, start):
            yield self._bytes(_viewed(piece, self.layout), start)
            start += len(piece)

    def _bytes(self, images: np.ndarray, start: int) -> np.ndarray:
        """The images as uint8 with white 255."""
        integers = images.dtype.kind in "iu"
        white = self.white or (255 if integers else 1)
        low, high = (images.min(), images.max()) if images.size else (0, 0)
        if not (low >= 0 and high <= white):
            raise DataError(
                f"{self.path}: {self.key} has pixels {low}..{high} from row {start} on, expected "
                f"0..{white:g}; say data.white=VALUE of a white pixel, or write the file again"
            )
        if integers and self.white is None and high == 1 and start == 0:
            raise DataError(
                f"{self.path}: {self.key} has only the pixels 0 and 1, nearly black where 255 is "
                "white; say data.white=1, or data.white=255 if they are"
            )
        if images.dtype == np.uint8 and white == 255:
            return images
        return np.rint(images.astype(np.float32) * np.float32(255 / white)).astype(np.uint8)


@dataclass(kw_only=True, eq=False, repr=False)
class ArraysDataModule(FactorDataModule):
    """Batches of your own images or vectors: a file, and if you have them values of factors.

    Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, vectors floats `[N, X]`. uint8 images
    in an npy file are memory-mapped where they are; all other images are rounded to 8 bits and
    written to ``data_dir/arrays`` once. Vectors are held in memory as they are.

    Args:
        path: the npy, npz or HDF5 file; needed.
        images: key of the array of images in it; None: the only one that can be, or is called so.
        factor_values: the factors' values `[N, K]` or `[N]`: a key of the same file, an npy file,
            or a csv, tsv or txt file that begins with a line of names, see ``csv_columns``; None:
            no factors are known.
        factor_names: of the columns; of a csv file, those that are factors, all others are left
            out. None: the names of the csv file, or factor_0, factor_1, ...
        factor_kinds: ordinal, circular, categorical or continuous, of each column; None: whole
            numbers are ordinal, however they are stored, others continuous, text and truth values
            categorical. Continuous values are scaled from
            their range to [0, 1], all others numbered from 0 in rising order.
        white: value of a white pixel; None: 255 of integers, 1 of floats and booleans.
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    The other arguments are those of ``FactorDataModule``.

    Raises:
        ConfigError: a setting cannot work.
    """

    dataset_class = OwnImages

    path: str | Path | None = None
    images: str | None = None
    factor_values: str | None = None
    factor_names: Sequence[str] | None = None
    factor_kinds: Sequence[str] | None = None
    white: float | None = None
    data_dir: str | Path | None = None

    def __post_init__(self) -> None:
        if self.white is not None and not self.white > 0:
            raise ConfigError(f"white={self.white} was given; it must be above 0")
        names, kinds = self.factor_names, self.factor_kinds
        require_factor_values(self.factor_values, factor_names=names, factor_kinds=kinds)
        super().__post_init__()

    @property
    def factors(self) -> Factors:
        """What the images vary in; the values are read, the images are not."""
        return self._factor_table.factors

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)`` or ``(X,)``, from the file's header."""
        return self._images.image_shape

    def build(self) -> FactorDataset:
        """The data set, converted first if that is needed and this is its first use."""
        images, table = self._images, self._factor_table
        source = f"{images.path} ({images.key}, {images.header})"
        if images.layout != "NX":
            mapped = images.opened(self.data_dir)
            return OwnImages(mapped, table.factors, source, table.values)
        vectors = read_array(images.path, images.key).astype(np.float32)
        if not np.isfinite(vectors).all():
            raise DataError(f"{images.path}: {images.key} has numbers that are not finite")
        return OwnVectors(torch.from_numpy(vectors), table.factors, source, table.values)

    @cached_property
    def _images(self) -> ImagesInFile:
        path = required_path(self.path, "file")
        found = headers(path)
        key = _images_key(found, path) if self.images is None else self.images
        if key not in found:
            raise ConfigError(f"images={key!r} was given, but {path} has {_listed(found)}")
        return ImagesInFile(path, key, found[key], self.white)

    @cached_property
    def _factor_table(self) -> FactorTable:
        path, num_rows, wanted = self._images.path, self._images.header.shape[0], self.factor_values
        columns: dict[str, np.ndarray] = {}
        what = f"{wanted} in {path}"
        if wanted is not None and path.suffix != ".npy" and wanted in headers(path):
            columns = array_columns(read_array(path, wanted), self.factor_names, what)
        elif wanted is not None:
            other = beside(wanted, path.parent)
            what = str(other)
            if other.suffix.lower() in TEXT_SUFFIXES:
                columns = csv_columns(other, self.factor_names)
            elif other.suffix == ".npy":
                columns = array_columns(read_array(other, other.stem), self.factor_names, what)
            else:
                raise ConfigError(
                    f"factor_values={wanted} was given; choose an npy, csv, tsv or txt file, or "
                    f"one of {_listed(headers(path))}"
                )
        return factor_table(columns, self.factor_kinds, num_rows, what)


def _images_key(found: dict[str, Header], path: Path) -> str:
    """The array that must be the images."""
    named = [key for key in found if key.rpartition("/")[2].lower() in _NAMES]
    with_sides = [key for key, header in found.items() if len(header.shape) in (3, 4)]
    for candidates in (list(found), with_sides, named):
        if len(candidates) == 1:
            return candidates[0]
    raise ConfigError(f"{path} has {_listed(found)}; say data.images=KEY of the images")


def _listed(found: dict[str, Header]) -> str:
    return "the arrays " + ", ".join(f"{key} ({header})" for key, header in found.items())


def _viewed(images: np.ndarray, layout: str) -> np.ndarray:
    """The same images as `[N, H, W, C]`."""
    if layout == "NHW":
        return images[..., None]
    return images.transpose(0, 2, 3, 1) if layout == "NCHW" else images
