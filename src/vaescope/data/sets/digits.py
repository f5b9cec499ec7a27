"""Small handwritten digits that come with scikit-learn: real images without a download."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vaescope.data.datamodule import data_module_of
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.sources import source_of

_SIDE = 8
_NUM_IMAGES = 1797
_LEVELS = 16  # the brightest pixel; 0 is the darkest


@dataclass(eq=False, repr=False)
class Digits(FactorDataset):
    """1,797 handwritten digits, grey, 8x8 pixels, from the file that scikit-learn bundles.

    Args:
        size: side of the images, pixels: 8 as they are; 32 or 64, for networks that need so many,
            interpolated bilinearly.

    Attributes:
        labels: the digit of every image, int64 `[1797]`; it is no factor.

    Source: ``data_source``, its test set as in scikit-learn's ``load_digits``. Differs: pixels
    are divided by 16, to [0, 1].
    """

    data_source = source_of("digits")

    factors = Factors((), (), ())

    size: Literal[8, 32, 64] = 8

    def prepare(self) -> None:
        """Check the size; the shape follows from it."""
        super().prepare()
        self.image_shape = (1, self.size, self.size)

    def load(self) -> None:
        """Read the bundled file, and interpolate."""
        from sklearn.datasets import load_digits

        bundled, size = load_digits(), self.size
        self.labels = torch.from_numpy(bundled.target).long()
        pixels = torch.from_numpy(bundled.images).float()[:, None] / _LEVELS
        if size != _SIDE:
            pixels = interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
        self._images = pixels
        scaled = "" if size == _SIDE else f", interpolated to {size} x {size} pixels"
        self.source = f"bundled with scikit-learn (load_digits){scaled}"

    def __len__(self) -> int:
        return _NUM_IMAGES

    def values(self, index: Tensor) -> Tensor:
        """No factor values, int64 `[B, 0]`, of the rows ``index`` `[B]`."""
        return torch.zeros(len(index), 0, dtype=torch.int64, device=self.device)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, size, size]` in [0, 1] of the rows ``index`` `[B]`."""
        return self._images[index]


DigitsDataModule = data_module_of(Digits)
