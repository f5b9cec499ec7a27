"""A tiny image set for tests and for trying things out."""

import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors
from vaescope.data.sources import source_of
from vaescope.ranges import Count

_SIDE = 64


class TinySquares(RenderedDataset):
    """192 images of one filled square, 64x64 pixels of 0 and 1; computed, no file.

    The centre is at pixel 11 + 6 position, the half side 4, 7 or 10 pixels: no square is cut.
    """

    data_source = source_of("tiny")

    factors = Factors(
        names=("position_x", "position_y", "size"),
        sizes=(8, 8, 3),
        kinds=("ordinal", "ordinal", "ordinal"),
    )
    image_shape = (1, _SIDE, _SIDE)
    source = "rendered exactly (vaescope tiny squares 1)"

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 1, 64, 64]` of factor values `[B, 3]`."""
        x, y, size = values.to(self.device).unbind(1)
        half = (4 + 3 * size)[:, None]
        pixel = torch.arange(_SIDE, device=self.device) + 0.5
        columns = (pixel - (11 + 6 * x)[:, None]).abs() < half  # [B, 64]
        rows = (pixel - (11 + 6 * y)[:, None]).abs() < half
        return (rows[:, None, :, None] & columns[:, None, None, :]).float()


class TinySquaresDataModule(FactorDataModule):
    """Batches of ``TinySquares``."""

    dataset_class = TinySquares

    batch_size: Count = 16
