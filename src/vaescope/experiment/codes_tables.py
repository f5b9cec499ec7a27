"""Codes in tables: columns of parquet, and of data sets of Hugging Face on disk."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaescope.data.files.missing_values import first_missing
from vaescope.data.files.parquet_files import lacks_arrow
from vaescope.errors import first_line
from vaescope.experiment.codes_refusals import Refusal, refuse_models, require_both
from vaescope.factor_kinds import guessed_kind
from vaescope.files import read_json

_MATRICES = ("codes", "factors", "variance")
_METADATA = b"vaescope.kinds"


def parquet_table(path: Path) -> Any:
    """The columns of a parquet file that are codes, factors or variances."""
    if reason := lacks_arrow():
        raise Refusal(reason)
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=_wanted(file.schema_arrow.names))
    except (pyarrow.ArrowException, OSError, MemoryError) as error:
        raise Refusal(f"cannot be read as parquet ({first_line(error)})") from error


def folder_table(path: Path) -> Any:
    """The columns of a data set that Hugging Face's ``save_to_disk`` wrote."""
    refuse_models(path)
    if reason := lacks_arrow():
        raise Refusal(reason)
    import pyarrow

    tables = []
    try:
        state = read_json(path / "state.json")
        if state.get("_indices_files") or state.get("_indices_data_files"):
            raise Refusal("its rows are chosen by an index: flatten_indices().save_to_disk(path)")
        for entry in state["_data_files"]:
            file = path / entry["filename"]
            if file.resolve().parent != path.resolve():
                raise Refusal(f"{entry['filename']} lies in another folder, which is not read")
            with pyarrow.OSFile(str(file)) as source, pyarrow.ipc.open_stream(source) as stream:
                table = stream.read_all()
                tables.append(table.select(_wanted(table.column_names)))
        return pyarrow.concat_tables(tables)
    except (pyarrow.ArrowException, OSError, MemoryError, LookupError) as error:
        raise Refusal(
            f"cannot be read as a data set of Hugging Face ({first_line(error)})"
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Refusal(f"its state.json is damaged ({first_line(error)})") from error


def _wanted(names: Sequence[str]) -> list[str]:
    """The columns that hold codes, factors or variances; refused if one of the first two lacks."""
    starts = tuple(f"{name}_" for name in _MATRICES)
    wanted = [name for name in names if name in _MATRICES or name.startswith(starts)]
    hint = "name the columns codes_0, codes_1, ... and factors_NAME, or make each a list"
    require_both({name.partition("_")[0]: name for name in wanted}, names, hint)
    return wanted


def arrays_of_table(table: Any) -> dict[str, np.ndarray]:
    """Arrays of a table: columns ``codes`` of lists, or ``codes_*`` of numbers; factors alike."""
    found: dict[str, np.ndarray] = {}
    for name in _MATRICES:
        columns = [n for n in table.column_names if n == name or n.startswith(f"{name}_")]
        if name in columns:
            found[name] = _matrix(name, table[name])
        elif columns:
            read = [_column(n, table[n]) for n in columns]
            if name == "factors":
                found |= _factors(columns, read)
            else:
                found[name] = np.stack(read, 1)
    kept = (table.schema.metadata or {}).get(_METADATA)
    if kept is not None:
        try:
            found["kinds"] = np.array([str(kind) for kind in json.loads(kept)], dtype=str)
        except (ValueError, TypeError) as error:
            raise Refusal(f"its kinds are damaged ({first_line(error)})") from error
    return found


def _factors(names: Sequence[str], columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Factors whose columns may be of several types: text by its place in alphabetical order."""
    numbers = []
    for name, column in zip(names, columns, strict=True):
        if column.dtype.kind in "SU":
            if (missing := first_missing(column)) is not None:
                raise Refusal(
                    f"{name} holds {missing[1]!r} in row {missing[0]}, which says that a value is "
                    "not known: leave such rows out, or call a class otherwise"
                )
            column = np.unique(column, return_inverse=True)[1].ravel()
        numbers.append(column)
    kinds = np.array([guessed_kind(column) for column in columns], dtype=str)
    return {"factors": np.stack(numbers, 1), "kinds": kinds}


def _column(name: str, column: Any) -> np.ndarray:
    """A column as numbers or text [N]."""
    import pyarrow

    if column.null_count:
        raise Refusal(f"{name} has {column.null_count} empty fields: leave such rows out")
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return np.array(column.to_pylist(), dtype=str)
    if pyarrow.types.is_nested(kind):
        raise Refusal(f"{name} is a column of {kind}; call it {name.partition('_')[0]}")
    values: np.ndarray = column.to_numpy()
    if values.dtype.kind not in "biuf":
        raise Refusal(f"{name} is a column of {kind}, but numbers or text are needed")
    return values


def _matrix(name: str, column: Any) -> np.ndarray:
    """A column of lists as one array [N, M]; another column as it is [N]."""
    import pyarrow
    from pyarrow import compute

    if isinstance(column.type, pyarrow.BaseExtensionType):
        raise Refusal(f"{name} is a column of {column.type}, but lists of numbers are needed")
    if not pyarrow.types.is_nested(column.type):
        return _column(name, column)
    if column.null_count:
        raise Refusal(f"{name} has {column.null_count} empty fields: leave such rows out")
    try:
        sizes = compute.list_value_length(column).unique().to_pylist()
        if len(sizes) > 1:
            few, many = min(sizes), max(sizes)
            raise Refusal(f"{name} has lists of {few} to {many} values, but all need equally many")
        flat = _column(name, compute.list_flatten(column))
    except pyarrow.ArrowException as error:
        raise Refusal(f"{name} is a column of {column.type}, but lists are needed") from error
    return flat.reshape(len(column), -1)


def write_parquet(
    path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str] | None
) -> None:
    """Write arrays as columns ``codes_0``, ..., ``factors_NAME``; the kinds lie in the schema."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name in _MATRICES:
        for number, column in enumerate(arrays[name].T) if name in arrays else ():
            of_factor = name == "factors" and names is not None
            label = names[number] if of_factor and names else str(number)
            columns[f"{name}_{label}"] = np.ascontiguousarray(column)
    table = pyarrow.table(columns)
    if "kinds" in arrays:
        kinds = json.dumps(np.asarray(arrays["kinds"]).tolist())
        table = table.replace_schema_metadata({_METADATA: kinds.encode()})
    parquet.write_table(table, path, write_page_checksum=True)
