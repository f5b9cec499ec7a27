"""Small handwritten digits that come with scikit-learn: real images without a download."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import require

_SIDES = (8, 32, 64)
_LEVELS = 16  # the brightest pixel; 0 is the darkest


class Digits(FactorDataset):
    """1,797 handwritten digits, grey, 8x8 pixels, from the file that scikit-learn bundles.

    Args:
        size: side of the images, pixels: 8 as they are; 32 or 64, for networks that need so many,
            interpolated bilinearly.

    Attributes:
        labels: the digit of every image, int64 `[1797]`; it is no factor.

    Raises:
        ConfigError: there is no such size.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits",
    https://doi.org/10.24432/C50P49; its test set as in scikit-learn's ``load_digits``. Differs:
    pixels are divided by 16, to [0, 1].
    """

    factors = Factors((), (), ())
    image_shape: tuple[int, ...] = (1, _SIDES[0], _SIDES[0])

    def __init__(self, size: int = 8) -> None:
        require(size in _SIDES, f"size={size}", "8, 32 or 64")
        from sklearn.datasets import load_digits

        bundled = load_digits()
        self.image_shape = (1, size, size)
        self.labels: Tensor = torch.from_numpy(bundled.target).long()
        pixels = torch.from_numpy(bundled.images).float()[:, None] / _LEVELS
        if size != _SIDES[0]:
            pixels = interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
        self._images = pixels
        scaled = "" if size == _SIDES[0] else f", interpolated to {size} x {size} pixels"
        self.source = f"bundled with scikit-learn (load_digits){scaled}"

    def __len__(self) -> int:
        return len(self._images)

    def values(self, index: Tensor) -> Tensor:
        """No factor values, int64 `[B, 0]`, of the rows ``index`` `[B]`."""
        return torch.zeros(len(index), 0, dtype=torch.int64, device=self.device)

    def images(self, values: Tensor) -> Tensor:
        """Refused: images without factors are found by their rows only.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "the digits have no factors that an image could be made of; ask batch(index) for the "
            "images of rows"
        )

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, size, size]` in [0, 1] of the rows ``index`` `[B]`."""
        return self._images[index]


@dataclass(kw_only=True, eq=False, repr=False)
class DigitsDataModule(FactorDataModule):
    """Batches of ``Digits``.

    Args:
        size: side of the images, pixels: 8, 32 or 64.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = Digits

    size: Literal[8, 32, 64] = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.size in _SIDES, f"size={self.size}", "8, 32 or 64")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(1, size, size)``; known before ``setup``."""
        return (1, self.size, self.size)

    def build(self) -> Digits:
        """The data set."""
        return Digits(self.size)
