"""Factors of your own data: names, kinds and numbered values of a table's columns."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.files.missing_values import first_missing
from vaescope.errors import ConfigError, DataError
from vaescope.factor_kinds import KINDS, guessed_kind

log = logging.getLogger(__name__)


class FactorTable(NamedTuple):
    """Factors, and their values in every row: `[N, K]`, int64, or float32 if one is continuous."""

    factors: Factors
    values: Tensor


def factor_table(
    columns: Mapping[str, np.ndarray], kinds: Sequence[str] | None, num_rows: int, what: str
) -> FactorTable:
    """The factors that ``columns`` of measured values `[N]` describe.

    Values of a continuous factor are scaled from their range to [0, 1]; those of any other are
    numbered from 0 in rising order.

    Args:
        columns: by name; numbers or text. None at all: no factors.
        kinds: of each column; None: as ``guessed_kind`` has it.
        num_rows: N.
        what: where the columns are from, for errors.
    """
    if kinds is None:
        kinds = [guessed_kind(column) for column in columns.values()]
    if len(kinds) != len(columns) or not set(kinds) <= set(KINDS):
        raise ConfigError(
            f"factor_kinds={list(kinds)} was given for the factors {list(columns)}; give each one "
            f"of {', '.join(KINDS)}"
        )
    sizes, values = [], []
    for (name, column), kind in zip(columns.items(), kinds, strict=True):
        _check(name, column, num_rows, what)
        if kind == "continuous":
            values.append(_scale_to_unit(name, column))
            sizes.append(0)
        else:
            levels, numbered = np.unique(column, return_inverse=True)
            values.append(numbered)
            sizes.append(len(levels))
        if sizes[-1] == num_rows > 2:
            told = (
                "%s: factor %r has a value of its own in every one of the %s rows; if it numbers "
                "the rows, leave it out of data.factor_names"
            )
            log.warning(told, what, name, num_rows)
    if math.prod(size or 1 for size in sizes) >= 2**63:
        raise ConfigError(
            f"the factors {list(columns)} have {sizes} values, too many combinations to number; "
            "name only the factors, or call measured ones continuous by factor_kinds"
        )
    table = np.stack(values, axis=1) if values else np.zeros((num_rows, 0), np.int64)
    table = table.astype(np.float32 if "continuous" in kinds else np.int64)
    return FactorTable(Factors(tuple(columns), tuple(sizes), tuple(kinds)), torch.from_numpy(table))


def array_columns(
    array: np.ndarray, names: Sequence[str] | None, what: str
) -> dict[str, np.ndarray]:
    """Columns of an array `[N]` or `[N, K]`, called ``names`` or factor_0, factor_1, ..."""
    if array.ndim not in (1, 2) or array.dtype.kind not in "biufUS":
        raise DataError(
            f"{what} is {array.dtype} {list(array.shape)}; factor values are numbers or text "
            "[N, K], a row for each image"
        )
    array = array[:, None] if array.ndim == 1 else array
    names = [f"factor_{k}" for k in range(array.shape[1])] if names is None else list(names)
    if len(names) != array.shape[1] or len(set(names)) < len(names):
        raise ConfigError(
            f"factor_names={names} was given for the {array.shape[1]} columns of {what}; give each "
            "its own name"
        )
    return {name: array[:, k] for k, name in enumerate(names)}


def _scale_to_unit(name: str, column: np.ndarray) -> np.ndarray:
    """Values mapped from their range to [0, 1]; a constant to 0."""
    if column.dtype.kind in "US":
        raise ConfigError(f"factor {name!r} is text and cannot be continuous; call it categorical")
    column = column.astype(np.float64)
    low, high = column.min(), column.max()
    if high / 2 - low / 2 > np.finfo(np.float64).max / 2:  # their difference would be infinite
        column, low, high = column / 2, low / 2, high / 2
    return (column - low) / ((high - low) or 1.0)


def _check(name: str, column: np.ndarray, num_rows: int, what: str) -> None:
    """Refuse names that cannot be shown, other numbers of rows, and missing values."""
    if not name.strip() or not name.isprintable():
        raise ConfigError(
            f"{what}: a factor is called {name!r}; give each a name of letters that can be shown "
            "in one line"
        )
    if len(column) != num_rows:
        raise DataError(
            f"{what} has {len(column):,} rows of factor values for {num_rows:,} images; it needs "
            "one for each"
        )
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise DataError(f"{what}: {name!r} is {column[row]} in row {row}; give a finite number")
    if column.dtype.kind in "US" and (missing := first_missing(column)) is not None:
        raise DataError(
            f"{what}: {name!r} is {missing[1]!r} in row {missing[0]}, which says that its value is "
            "not known; give it, or call a category otherwise"
        )
