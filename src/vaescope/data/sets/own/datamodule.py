"""Own data: what your arrays and your folders of images share, from options to converted files."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.factors import Factors
from vaescope.data.files.cache import PartialFile, data_folder
from vaescope.data.files.checksums import read_record
from vaescope.data.files.npy_cache import MappedArray, convert, require_converted
from vaescope.data.files.verification import FileCheck, check_converted, check_source
from vaescope.data.sets.own.factor_columns import FactorTable
from vaescope.data.stored import StoredDataset
from vaescope.errors import ConfigError, DataError
from vaescope.ranges import Side, fits, words


class OwnImages(StoredDataset):
    """Your own images, in any order, with any factors or none."""


class OwnVectors(OwnImages):
    """Your own vectors, float32 `[N, X]` in memory, with any factors or none."""

    def __init__(self, vectors: Tensor, factors: Factors, source: str, table: Tensor) -> None:
        super().__init__(vectors[:, None, None], factors, source, table)
        self.image_shape = (vectors.shape[1],)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Vectors float32 `[B, X]` of the rows ``index`` `[B]`."""
        assert self._pixels is not None
        return self._pixels[index].flatten(1)


@dataclass(kw_only=True, eq=False, repr=False)
class OwnDataModule(FactorDataModule):
    """Batches of your own images or vectors; a subclass reads them and the values of factors.

    Args:
        path: the file or folder; needed.
        factor_values: where the factors' values are; None: no factors are known.
        factor_names: of the columns that are factors; None: all.
        factor_kinds: ordinal, circular, categorical or continuous, of each factor; None: whole
            numbers are ordinal, however they are stored, others continuous, text and truth values
            categorical. Continuous values are scaled from their range to [0, 1], all others
            numbered from 0 in rising order.
        size: side of the images in pixels, by an antialiased bilinear filter; None: they are not
            resized.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = OwnImages
    kind_of_path: ClassVar[str] = "file"

    path: str | Path | None = None
    factor_values: str | None = None
    factor_names: Sequence[str] | None = None
    factor_kinds: Sequence[str] | None = None
    size: Side | None = None
    data_dir: str | Path | None = None

    def __post_init__(self) -> None:
        if not fits(self.size, Side | None):
            raise ConfigError(f"size={self.size!r}: give {words(Side | None)}")
        for name in ("factor_names", "factor_kinds"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ConfigError(f"{name}={value} was given; give a list: data.{name}=[{value}]")
            if self.factor_values is None and value is not None:
                raise ConfigError(
                    f"{name}={list(value)} was given without data.factor_values; say where these "
                    "are"
                )
        super().__post_init__()

    @property
    def factors(self) -> Factors:
        """What the images vary in; the values are read, the images are not."""
        return self._factor_table.factors

    def pieces(self, start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, H, W, C]` from row ``start`` on, read anew."""
        raise NotImplementedError(f"{type(self).__name__} has to define pieces(start)")

    def verify(self) -> Iterator[FileCheck]:
        """The user's files, read anew and held against what training gets; converted images."""
        path, dataset = self._given_path, self.build()
        assert isinstance(dataset, OwnImages)
        if dataset.mapped is None:
            yield FileCheck(path, f"{len(dataset)} vectors were read, all numbers are finite")
            return
        yield check_source(path, dataset.mapped, self.pieces)
        if dataset.mapped.path != path:
            yield check_converted(dataset.mapped.path)

    @property
    def _given_path(self) -> Path:
        if self.path is None:
            kind = self.kind_of_path
            raise ConfigError(f"data.path: no {kind} was given; say data.path={kind.upper()}")
        return Path(self.path).expanduser()

    @property
    def _factor_table(self) -> FactorTable:
        raise NotImplementedError(f"{type(self).__name__} has to define _factor_table")


def map_converted(
    shape: tuple[int, ...],
    pieces: Callable[[int], Iterator[np.ndarray]],
    about: Mapping[str, Any],
    stem: str,
    data_dir: str | Path | None,
) -> MappedArray:
    """Images uint8 `[N, H, W, C]` in ``data_dir/arrays``, by ``convert`` at the first use.

    Args:
        about: plain values that the images follow from: files with sizes and times, options; a
            file of its own, whose name begins with ``stem``, is kept for each.
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    path = data_folder(data_dir) / "arrays" / f"{stem}-{digest}.npy"
    refused = False

    def watched(start: int) -> Iterator[np.ndarray]:
        nonlocal refused
        try:
            yield from pieces(start)
        except DataError:
            refused = True
            raise

    try:
        convert(path, shape, watched, about)
    finally:
        if refused:  # once the files are mended, another conversion begins
            PartialFile(path).delete()
    record = read_record(path)
    # a file that another one was copied or renamed over, with the record beside it
    others = [k for k, v in json.loads(json.dumps(about)).items() if record.get(k, v) != v]
    if others:
        raise DataError(
            f"{path} holds other images than its name says: the record beside it differs in "
            f"{', '.join(others)}; delete both and run again"
        )
    return MappedArray(path, shape, require_converted)


def size_and_time(path: Path) -> tuple[int, int]:
    """A file's size in bytes and time of change: others, once it has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} is missing ({error.strerror}); put it there again") from error
    return status.st_size, status.st_mtime_ns


def beside(name: str, folder: Path) -> Path:
    """The path of a file named by itself or by its place in ``folder``."""
    path = Path(name).expanduser()
    return path if path.exists() else folder / path
