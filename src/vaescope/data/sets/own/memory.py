"""Images or vectors, and values of factors, that a program holds in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.factors import Factors
from vaescope.data.sets.own.datamodule import OwnImages, OwnVectors
from vaescope.data.sets.own.factor_columns import FactorTable, array_columns, factor_table
from vaescope.data.sets.own.layouts import (
    check_layout,
    guess_layout,
    require_layout,
    view_as_rows,
)
from vaescope.data.sets.own.pixel_values import PixelValues
from vaescope.errors import DataError, InputError
from vaescope.ranges import Real


@dataclass(kw_only=True, eq=False, repr=False)
class MemoryDataModule(FactorDataModule):
    """Batches of arrays in memory: images are kept as 8 bits, vectors as float32.

    Args:
        images: numbers `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`, or floats `[N, X]`; an array
            or a tensor on any device.
        factor_values: numbers or text `[N, K]` or `[N]`, or columns by name, as a mapping or a data
            frame has them; None: no factors are known.
        factor_names, factor_kinds: as those of ``OwnDataModule``.
        black, white, layout: as those of ``ArraysDataModule``.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = OwnImages

    images: Any = None
    factor_values: Any = None
    factor_names: Sequence[str] | None = None
    factor_kinds: Sequence[str] | None = None
    black: Real | None = None
    white: Real | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        array, pixels = _as_array("images", self.images), PixelValues(self.black, self.white)
        layout = str(self.layout).upper() if self.layout is not None else ""
        if layout:
            check_layout(layout)
            require_layout(layout, array.shape, array.dtype, "images")
        if not array.size:
            raise InputError(f"images {list(array.shape)} hold nothing")
        rows = view_as_rows(array, layout or guess_layout(array.shape, array.dtype, "images"))
        is_vectors = rows.ndim == 2
        self._rows_in_memory = (
            rows.astype(np.float32) if is_vectors else pixels.as_bytes(rows, 0, "images", [rows])
        )
        self._image_shape = rows.shape[1:] if is_vectors else (rows.shape[3], *rows.shape[1:3])
        super().__post_init__()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)`` or ``(X,)``."""
        return self._image_shape

    @property
    def factors(self) -> Factors:
        """What the images vary in."""
        return self._factor_table.factors

    def build(self) -> OwnImages:
        """The data set, which shares bytes with the images where it can."""
        rows, table = self._rows_in_memory, self._factor_table
        source = f"images in memory, {rows.dtype} {list(rows.shape)}"
        if not (finite := np.isfinite(rows).reshape(len(rows), -1).all(1)).all():
            row = int(np.flatnonzero(~finite)[0])
            raise DataError(f"images have numbers that are not finite, the first in row {row}")
        held = torch.from_numpy(np.require(rows, requirements=["C", "W"]))
        kind = OwnVectors if held.ndim == 2 else OwnImages
        return kind(held, table.factors, source, table.values)

    @cached_property
    def _factor_table(self) -> FactorTable:
        values, columns = self.factor_values, {}
        if isinstance(values, Mapping) or hasattr(values, "columns"):
            names = list(values) if self.factor_names is None else list(self.factor_names)
            columns = {str(name): _as_array("factors", values[name]) for name in names}
        elif values is not None:
            columns = array_columns(_as_array("factors", values), self.factor_names, "factors")
        return factor_table(columns, self.factor_kinds, len(self._rows_in_memory), "factors")


def _as_array(name: str, values: Any) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype is torch.bfloat16 else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind == "O" and name == "factors":
        array = array.astype(str)
    if array.dtype.kind not in "biufUS" or not array.ndim:
        raise InputError(f"{name} are {type(values).__name__}; give numbers, as an array or tensor")
    return array
