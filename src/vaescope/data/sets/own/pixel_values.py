"""Pixel values: numbers of any range as 8 bits, black 0 and white 255."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaescope.errors import ConfigError, DataError

_LARGEST = 1e300  # so that differences are finite
_ROUNDING = 1e-6  # of the span between black and white: noise of single precision


@dataclass(frozen=True)
class PixelValues:
    """What numbers black and white pixels have.

    Args:
        black: value of a black pixel; None: 0.
        white: value of a white pixel; None: 255 of integers, 1 of floats and booleans.
    """

    black: float | None
    white: float | None

    def __post_init__(self) -> None:
        for name, value in (("black", self.black), ("white", self.white)):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (is_number and abs(value) < _LARGEST):
                raise ConfigError(f"{name}={value} was given; it must be a finite number, or null")
        black = 0 if self.black is None else self.black
        if self.white is not None and not self.white > black:
            raise ConfigError(
                f"white={self.white} was given; it must be above the value of black, {black:g}"
            )

    def span(self, dtype: np.dtype) -> tuple[float, float]:
        """Black and white in an array of this type."""
        white = (255 if dtype.kind in "iu" else 1) if self.white is None else self.white
        return 0 if self.black is None else self.black, white

    def are_bytes(self, dtype: np.dtype) -> bool:
        """Whether arrays of this type are as they have to be."""
        return dtype == np.uint8 and self.span(dtype) == (0, 255)

    def as_bytes(
        self, images: np.ndarray, start: int, what: str, everything: Iterable[np.ndarray]
    ) -> np.ndarray:
        """Images as uint8.

        Args:
            images: numbers `[n, H, W, C]`; beyond black and white by no more than rounding.
            start: number of the first one.
            what: where they are from, for errors.
            everything: all images there are, in pieces; looked at for an error's advice.
        """
        dtype = images.dtype
        if dtype.kind == "f" and not (finite := np.isfinite(images)).all():
            row = int(np.flatnonzero(~finite.all(axis=(1, 2, 3)))[0])
            value = images[row][~finite[row]][0]
            raise DataError(
                f"{what} has a pixel {value} in row {start + row}; leave that image out or write "
                "finite numbers"
            )
        black, white = self.span(dtype)
        if not images.size:
            return images.astype(np.uint8)
        low, high = images.min(), images.max()
        slack = 0.0
        if dtype.kind == "f":
            slack = (white - black) * max(_ROUNDING, 4 * float(np.finfo(dtype).eps))
        if low < black - slack or high > white + slack:
            beyond = ((images < black - slack) | (images > white + slack)).any(axis=(1, 2, 3))
            row = start + int(np.flatnonzero(beyond)[0])
            raise DataError(f"{what} has pixels {self._advice(everything, dtype, row, slack)}")
        is_unsaid = self.black is None and self.white is None
        if dtype.kind in "iu" and is_unsaid and high == 1 and start == 0:
            raise DataError(
                f"{what} has only the pixels 0 and 1, nearly black where 255 is white; say "
                "data.white=1, or data.white=255 if they are"
            )
        if self.are_bytes(dtype):
            return images
        exact: Any = images.astype(np.float64 if black else np.float32)
        levels = (exact - black) * exact.dtype.type(255 / (white - black))
        return np.rint(levels).clip(0, 255).astype(np.uint8)

    def _advice(
        self, everything: Iterable[np.ndarray], dtype: np.dtype, row: int, slack: float
    ) -> str:
        """The range of all pixels, what was expected, and what to say instead."""
        finite = (piece[np.isfinite(piece)] for piece in everything)
        ranges = [(pixels.min(), pixels.max()) for pixels in finite if pixels.size]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        black, white = self.span(dtype)
        is_signed_unit = dtype.kind == "f" and low >= -1 - slack and high <= 1 + slack
        said = []
        if low < black:
            said.append(f"data.black={-1 if is_signed_unit else low}")
        if high > white + slack:
            is_byte = low >= black and max(white, 100) < high <= 255
            said.append(f"data.white={255 if is_byte else high}")
        elif low < black and self.white is None and not is_signed_unit:
            said.append(f"data.white={high}")
        values = "these are the values of a black and of a white pixel"
        if len(said) == 1:
            values = f"that is the value of a {'black' if low < black else 'white'} pixel"
        return (
            f"{low}..{high}, the first beyond in row {row}, expected {black:g}..{white:g}; say "
            f"{' '.join(said)} if {values}, or write the file again"
        )
