"""Parquet files: whether they can be read here, their columns, encoded images in them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import Decoder, read_pieces
from vaescope.errors import DataError

_ROWS_AT_ONCE = 1024
_MOST_BYTES = 2**22  # of an encoded image


def lacks_arrow() -> str:
    """Why parquet cannot be read or written here; empty: it can."""
    if find_spec("pyarrow") is None:
        return "it needs pyarrow: pip install 'vaescope[tables]'"
    import pyarrow

    if int(pyarrow.__version__.split(".")[0]) < 15:  # before 14.0.1 a file could run code
        return f"pyarrow {pyarrow.__version__} is not safe with files of others: take 15 or newer"
    return ""


def parquet_columns(paths: Sequence[Path], names: Sequence[str], title: str) -> np.ndarray:
    """Columns of numbers of several files, one below the other [N, M], as in ``names``."""
    parts = []
    for path in paths:
        with _opened(path, title) as file:
            there = file.schema_arrow.names
            if lacking := [name for name in names if name not in there]:
                raise DataError(f"{path} has the columns {there}, but not {', '.join(lacking)}")
            table = file.read(columns=list(names))
            parts.append(np.stack([table[name].to_numpy() for name in names], 1))
    return np.concatenate(parts)


def parquet_images(
    paths: Sequence[Path], column: str, decoder: Decoder, start: int, title: str
) -> Iterator[np.ndarray]:
    """Images uint8 `[b, H, W, C]` from row ``start`` on of several files, in their order.

    Args:
        paths: the files.
        column: of encoded images, as bytes, or as Hugging Face has them, with their names.
        decoder: refuses images of another size before it reads their pixels.
        start: the first row, counted through all files.
        title: of the data set, for errors.
    """

    def pixels(item: tuple[str, Any]) -> np.ndarray:
        name, content = item
        if not isinstance(content, bytes) or len(content) > _MOST_BYTES:
            size = f"{len(content):,} bytes" if isinstance(content, bytes) else "no bytes"
            raise DataError(f"{name} has {size}, but an image of at most 4 MB is needed")
        return decoder.read(content, name)

    for path in paths:
        with _opened(path, title) as file:
            if column not in file.schema_arrow.names:
                there = file.schema_arrow.names
                raise DataError(f"{path} has the columns {there}, but not {column}")
            row = 0
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if start < count:
                    yield from read_pieces(pixels, _encoded(file, group, column, path, row, start))
                start, row = max(0, start - count), row + count


def _encoded(
    file: Any, group: int, column: str, path: Path, before: int, start: int
) -> Iterator[tuple[str, Any]]:
    """Name and content of the images in a group of rows, those before ``start`` left out."""
    batches = file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=[column])
    row = 0
    for batch in batches:
        values = batch.column(0)
        if "bytes" in [values.type.field(n).name for n in range(values.type.num_fields)]:
            values = values.field("bytes")
        for content in values.to_pylist():
            if row >= start:
                yield f"{path.name}, row {before + row}", content
            row += 1


@contextmanager
def _opened(path: Path, title: str) -> Iterator[Any]:
    """An open parquet file; what its library raises becomes a ``DataError``."""
    if reason := lacks_arrow():
        raise DataError(f"{path} cannot be read: {reason}")
    import pyarrow
    from pyarrow import parquet

    checked = {"page_checksum_verification": True}  # where the file has checksums
    with (
        report_damage(path, title, pyarrow.ArrowException),
        parquet.ParquetFile(path, **checked) as file,
    ):
        yield file
