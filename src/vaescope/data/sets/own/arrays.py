"""Own arrays: your images or vectors in an npy, npz, HDF5 or MATLAB file."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from vaescope.data.files.array_files import Header, headers, is_npy, read_array
from vaescope.data.files.csv_files import SUFFIXES as TEXT_SUFFIXES
from vaescope.data.files.csv_files import csv_columns
from vaescope.data.sets.own.array_images import ImagesInFile
from vaescope.data.sets.own.datamodule import OwnDataModule, OwnImages, OwnVectors, beside
from vaescope.data.sets.own.factor_columns import FactorTable, array_columns, factor_table
from vaescope.data.sets.own.layouts import check_layout, view_as_rows
from vaescope.data.sets.own.pixel_values import PixelValues
from vaescope.data.sources import source_of
from vaescope.errors import ConfigError, DataError
from vaescope.ranges import Real

log = logging.getLogger(__name__)

_WITH_TRANSPARENCY = 4  # channels
_NAMES = ("images", "imgs", "image", "observations", "x", "data")


@dataclass(kw_only=True, eq=False, repr=False)
class ArraysDataModule(OwnDataModule):
    """Batches of your own images or vectors: a file, and if you have them values of factors.

    Images are `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, vectors floats `[N, X]`; ``layout``
    says other orders. uint8 images in an npy file are memory-mapped where they are; all other
    images are rounded to 8 bits and written to ``data_dir/arrays`` once. Vectors are held in memory
    as they are.

    Args:
        path: the npy, npz or HDF5 file (MATLAB's from 7.3 on, too); needed.
        images: key of the array of images in it; None: the only one that can be, or is called so.
        factor_values: the factors' values `[N, K]` or `[N]`: a key of the same file, an npy file,
            or a csv, tsv or txt file that begins with a line of names, see ``csv_columns``; None:
            no factors are known.
        factor_names: of the columns; of a csv file, those that are factors, all others are left
            out. None: the names of the csv file, or factor_0, factor_1, ...
        black: value of a black pixel; None: 0.
        white: value of a white pixel; None: 255 of integers, 1 of floats and booleans.
        layout: a letter for each axis of the images, in their order: N images, H rows, W columns, C
            channels; MATLAB's is often HWN or HWCN. Of vectors NX or XN. None: N comes first, and
            channels are where there are at most 4.

    The other arguments are those of ``OwnDataModule``.
    """

    data_source = source_of("arrays")

    images: str | None = None
    black: Real | None = None
    white: Real | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        self._pixel_values = PixelValues(self.black, self.white)
        if self.layout is not None:
            self.layout = str(self.layout).upper()
            check_layout(self.layout)
        super().__post_init__()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)`` or ``(X,)``, from the file's header."""
        return self._images.image_shape

    def build(self) -> OwnImages:
        """The data set, converted first if that is needed and this is its first use."""
        images, table = self._images, self._factor_table
        source = f"{images.path} ({images.key}, {images.header})"
        if not images.is_vectors:
            mapped = images.open(self.data_dir)
            if mapped.shape[-1] == _WITH_TRANSPARENCY:
                log.warning(
                    "%s: images have 4 channels, which are all learnt; if the last one is "
                    "transparency, put the images on a background and write 3",
                    images.path,
                )
            return OwnImages(mapped, table.factors, source, table.values)
        array = view_as_rows(read_array(images.path, images.key), images.layout).astype(np.float32)
        if not (finite := np.isfinite(array).all(1)).all():
            row = int(np.flatnonzero(~finite)[0])
            raise DataError(
                f"{images.path}: {images.key} has numbers that are not finite, the first ones in "
                f"row {row}; leave those rows out"
            )
        vectors = torch.from_numpy(np.ascontiguousarray(array))
        return OwnVectors(vectors, table.factors, source, table.values)

    def pieces(self, start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, H, W, C]` from row ``start`` on, read anew."""
        yield from self._images.pieces(start)

    @cached_property
    def _images(self) -> ImagesInFile:
        path = self._given_path
        found = headers(path)
        key = _images_key(found, path) if self.images is None else self.images
        if key not in found:
            raise ConfigError(f"images={key!r} was given, but {path} has {_list_arrays(found)}")
        return ImagesInFile(path, key, found[key], self._pixel_values, self.layout, self.size)

    @cached_property
    def _factor_table(self) -> FactorTable:
        path, wanted = self._images.path, self.factor_values
        columns: dict[str, np.ndarray] = {}
        what = f"{wanted} in {path}"
        if wanted is not None and not is_npy(path) and wanted in headers(path):
            columns = array_columns(read_array(path, wanted), self.factor_names, what)
        elif wanted is not None:
            other = beside(wanted, path.parent)
            what = str(other)
            if other.suffix.lower() in TEXT_SUFFIXES:
                columns = csv_columns(other, self.factor_names)
            elif is_npy(other):
                columns = array_columns(read_array(other, other.stem), self.factor_names, what)
            else:
                raise ConfigError(
                    f"factor_values={wanted} was given; choose an npy, csv, tsv or txt file, or "
                    f"one of {_list_arrays(headers(path))}"
                )
        num_rows = self._images.num_rows
        given = {len(column) for column in columns.values()} - {num_rows}
        if given & set(self._images.header.shape):
            raise DataError(
                f"{what} has {min(given):,} rows of factor values, and {self._images.key} is "
                f"{self._images.header} with {num_rows:,} images; say by data.layout=LETTERS which "
                "axis counts the images, or give factor values as [N, K]"
            )
        return factor_table(columns, self.factor_kinds, num_rows, what)


def _images_key(found: dict[str, Header], path: Path) -> str:
    """The array that must be the images."""
    named = [key for key in found if key.rpartition("/")[2].lower() in _NAMES]
    with_sides = [key for key, header in found.items() if len(header.shape) in (3, 4)]
    for candidates in (list(found), with_sides, named):
        if len(candidates) == 1:
            return candidates[0]
    raise ConfigError(f"{path} has {_list_arrays(found)}; say data.images=KEY of the images")


def _list_arrays(found: dict[str, Header]) -> str:
    listed = ", ".join(f"{key} ({header})" for key, header in found.items())
    return f"the arrays {listed}" if found else "no arrays"
