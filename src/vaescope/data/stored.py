"""Data sets whose images lie in an array: memory-mapped, in memory or on the accelerator."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.files.npy_cache import MappedArray


class StoredDataset(FactorDataset):
    """Images kept as uint8 `[N, H, W, C]`, row n the n-th image.

    Without ``table`` the rows are all combinations of the factors in order. With it, row n has the
    factor values ``table[n]``, several rows may have the same ones, and some combinations none.

    Args:
        pixels: the images; an array in memory is kept there.
        factors: what they vary in.
        source: where they came from.
        table: factor values `[N, K]`, int64, or float32 if a factor is continuous.
        labels: class of every image, int64 `[N]`.

    Attributes:
        mapped: the file of the images; None: they are held in memory.
    """

    def __init__(
        self,
        pixels: MappedArray | Tensor,
        factors: Factors,
        source: str,
        table: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> None:
        self.factors = factors
        height, width, channels = pixels.shape[1:]
        self.image_shape = (channels, height, width)
        self._length = len(pixels)
        expected = factors.num_combinations if table is None else len(table)
        if self._length != expected or (labels is not None and len(labels) != expected):
            raise ValueError(f"{self._length} images were given for {expected} rows of factors")
        self._hold(pixels, source, table, labels)

    def _hold(
        self, pixels: MappedArray | Tensor, source: str, table: Tensor | None, labels: Tensor | None
    ) -> None:
        self.source, self.labels, self._table = source, labels, table
        self.mapped = pixels if isinstance(pixels, MappedArray) else None
        self._pixels = None if isinstance(pixels, MappedArray) else pixels

    def __len__(self) -> int:
        return self._length

    def files_read(self) -> list[Path]:
        """The file of the images, unless they are held in memory."""
        return [] if self.mapped is None else [self.mapped.path]

    def values(self, index: Tensor) -> Tensor:
        """Factor values `[B, K]` of the rows ``index`` `[B]`."""
        index = index.to(self.device)
        return self.factors.values(index) if self._table is None else self._table[index]

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, C, H, W]` in [0, 1] of the rows ``index`` `[B]`."""
        if self._pixels is None:
            assert self.mapped is not None
            pixels = self.mapped.take(index)
        else:
            pixels = self._pixels.index_select(0, index)
        return pixels.permute(0, 3, 1, 2).float().div_(255)

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        mapped = self.mapped if self._pixels is None else None
        return super().num_bytes + (0 if mapped is None else mapped.nbytes)

    def to(self, device: torch.device | str) -> Self:
        """Move images, table and labels to ``device``; back on the CPU a mapped file is mapped."""
        if self.mapped is not None:
            on_cpu = torch.device(device).type == "cpu"
            self._pixels = None if on_cpu else self.mapped.read(device)
        return super().to(device)
