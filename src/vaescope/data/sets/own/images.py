"""What data sets of a user's own files share: rows with any values, converted files, errors."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.files.cache import data_folder
from vaescope.data.files.npy_cache import MappedArray, convert, read_record, require_converted
from vaescope.data.stored import StoredDataset
from vaescope.errors import ConfigError, DataError

_LARGEST_SIZE = 8192  # pixels a side


class OwnImages(StoredDataset):
    """Your own images, in any order, with any factors or none.

    The arguments are those of ``StoredDataset``; ``table`` is needed.

    Source: none, ours.
    """

    def _rows(self, values: Tensor, share: np.ndarray) -> Tensor:
        if not len(self.factors):
            raise ValueError(
                f"{self.source} comes without factors that an image could be found by; ask "
                "batch(index) for the images of rows"
            )
        return super()._rows(values, share)


class OwnVectors(OwnImages):
    """Your own vectors, float32 `[N, X]` in memory, with any factors or none.

    Args:
        vectors: float32 `[N, X]`.
        table: factor values `[N, K]`.

    The other arguments are those of ``StoredDataset``.

    Source: none, ours.
    """

    def __init__(self, vectors: Tensor, factors: Factors, source: str, table: Tensor) -> None:
        super().__init__(vectors[:, None, None], factors, source, table)
        self.image_shape = (vectors.shape[1],)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Vectors float32 `[B, X]` of the rows ``index`` `[B]`."""
        assert self._pixels is not None
        return self._pixels[index].flatten(1)


def converted(
    shape: tuple[int, ...],
    pieces: Callable[[int], Iterator[np.ndarray]],
    about: Mapping[str, Any],
    stem: str,
    data_dir: str | Path | None,
) -> MappedArray:
    """Images uint8 `[N, H, W, C]` in ``data_dir/arrays``, converted at the first use.

    Args:
        shape: `[N, H, W, C]`.
        pieces: gives, for a first row, the images from there on.
        about: plain values that the images follow from: files with sizes and times, options; a
            file of its own is kept for each.
        stem: how the file's name begins.
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    Raises:
        DataError: see ``convert``; or another conversion lies in its place.
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
        _require_record_of(path, about)
        return MappedArray(path, shape, require_converted)
    except DataError:
        if refused:  # once the files are mended, another conversion begins
            for end in (".part", ".part.json"):
                path.with_name(path.name + end).unlink(missing_ok=True)
        raise


def _require_record_of(path: Path, about: Mapping[str, Any]) -> None:
    """Raise for a file that another one was copied or renamed over, with the record beside it."""
    record = read_record(path)
    others = [k for k, v in json.loads(json.dumps(about)).items() if record.get(k, v) != v]
    if others:
        raise DataError(
            f"{path} holds other images than its name says: the record beside it differs in "
            f"{', '.join(others)}; delete both and run again"
        )


def facts(path: Path) -> tuple[int, int]:
    """A file's size in bytes and time of change: others, once it has changed.

    Raises:
        DataError: it is missing.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} is missing ({error.strerror}); put it there again") from error
    return status.st_size, status.st_mtime_ns


def checked_size(size: int | None) -> int | None:
    """Side of images in pixels, or None.

    Raises:
        ConfigError: it is no whole number that images can have.
    """
    is_whole = isinstance(size, int) and not isinstance(size, bool)
    if size is not None and not (is_whole and 1 <= size <= _LARGEST_SIZE):
        raise ConfigError(
            f"size={size} was given; it is a whole number of at least 1, or null, and at most "
            f"{_LARGEST_SIZE}"
        )
    return size


def required_path(path: str | Path | None, what: str) -> Path:
    """The path that the user has to give.

    Args:
        path: what was given.
        what: a word for what is wanted, for the error.

    Raises:
        ConfigError: none was given.
    """
    if path is None:
        raise ConfigError(f"data.path: no {what} was given; say data.path={what.upper()}")
    return Path(path).expanduser()


def beside(name: str, folder: Path) -> Path:
    """The path of a file named by itself or by its place in ``folder``."""
    path = Path(name).expanduser()
    return path if path.exists() else folder / path


def require_factor_values(factor_values: str | None, **settings: Sequence[str] | None) -> None:
    """Refuse settings of factors where there are none, and what is no list.

    Raises:
        ConfigError: one is given.
    """
    for name, value in settings.items():
        if isinstance(value, str):
            raise ConfigError(f"{name}={value} was given; give a list: data.{name}=[{value}]")
        if factor_values is None and value is not None:
            raise ConfigError(
                f"{name}={list(value)} was given without data.factor_values; say where these are"
            )
