"""Formats of codes: npz, HDF5, tensors of torch, and tables."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from vaescope.data.files.array_files import headers, is_npy, read_array
from vaescope.errors import DataError, first_line
from vaescope.experiment.codes_refusals import (
    AS_NPZ,
    PARQUET,
    TENSORS,
    Refusal,
    refuse_others,
    require_both,
)
from vaescope.experiment.codes_tables import (
    arrays_of_table,
    folder_table,
    parquet_table,
    write_parquet,
)
from vaescope.files import replacing

ARRAYS = ("codes", "factors", "kinds", "variance")
WRITTEN = (".npz", PARQUET)


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    """``codes``, ``factors`` and, if they are there, ``kinds`` and ``variance``; unchecked.

    Nothing in the file can run code: pickled objects are refused in every format.

    Raises:
        Refusal: if the file is missing, unreadable, or holds something else.
    """
    if path.is_dir():
        found = arrays_of_table(folder_table(path))
    elif not path.is_file():
        raise Refusal("no such file; give an npz with codes [N, D], factors [N, K]")
    elif path.suffix.lower() == PARQUET:
        found = arrays_of_table(parquet_table(path))
    elif path.suffix.lower() in TENSORS:
        found = _in_tensors(path)
    else:
        refuse_others(path)
        found = _in_archive(path)
    return found


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str] | None = None
) -> None:
    """Write an npz or, by the file's name, parquet, whole or not at all.

    Args:
        path: ends in ``.npz`` or ``.parquet``.
        arrays: as ``arrays_in`` gives them.
        names: of the factors, for parquet: columns ``factors_NAME``; None: their numbers.
    """
    with replacing(path) as temporary:
        if path.suffix.lower() == PARQUET:
            write_parquet(temporary, arrays, names)
            return
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]


def _in_archive(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    try:
        known = headers(path)
        if is_npy(path):
            raise Refusal(
                f"holds one array {known[path.stem].shape}; save codes [N, D] and factors [N, K] "
                "together: numpy.savez(path, codes=codes, factors=factors)"
            )
        for name in set(ARRAYS) & set(known):
            if known[name].dtype.hasobject:
                raise Refusal(
                    f"{name} holds Python objects, which are not read; save numbers or text, such "
                    f"as {name}.astype(float) or, of columns of several types, the number of each "
                    "class: numpy.unique(column, return_inverse=True)[1]"
                )
            found[name] = read_array(path, name)
    except (DataError, MemoryError) as error:
        no_archive = isinstance(error.__cause__, zipfile.BadZipFile)
        reason = "it is no archive of numpy" if no_archive else error.__cause__ or error
        raise Refusal(f"cannot be read as npz ({reason})") from error
    require_both(found, sorted(known), "save codes [N, D] and factors [N, K]")
    return found


def _in_tensors(path: Path) -> dict[str, np.ndarray]:
    """What ``torch.save`` wrote of a dict of tensors; ``kinds`` may be a list of texts."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise Refusal(
            "holds Python objects, which are not read; save tensors alone: "
            "torch.save({'codes': codes, 'factors': factors}, path)"
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, LookupError, MemoryError) as error:
        raise Refusal(f"cannot be read as tensors ({first_line(error)})") from error
    hint = "save both together: torch.save({'codes': codes, 'factors': factors}, path)"
    if not isinstance(content, dict):
        raise Refusal(f"holds a {type(content).__name__}; {hint}")
    if {"state_dict", "model_state_dict"} & content.keys():
        raise Refusal(f"holds the weights of a model of another program, no codes; {AS_NPZ}")
    known = sorted(map(str, content))
    require_both(content, known, hint)
    return {name: _as_array(name, content[name]) for name in ARRAYS if name in content}


def _as_array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized:
            raise Refusal(f"{name} is a {value.layout} tensor; save {name}.to_dense()")
        dense = value.detach()
        return (dense.double() if dense.is_floating_point() else dense).resolve_conj().numpy()
    if name == "kinds" and isinstance(value, list | tuple):
        return np.array([str(kind) for kind in value], dtype=str)
    raise Refusal(f"{name} is a {type(value).__name__}, but a tensor is needed")
