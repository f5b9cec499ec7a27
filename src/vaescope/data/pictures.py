"""Pictures in png and jpg files: decoded, cut, resized; several at once, in order."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from vaescope.errors import DataError

Item = TypeVar("Item")
_AT_ONCE = 256  # pictures held decoded
_THREADS = min(4, os.cpu_count() or 1)  # the decoders work outside of Python's lock


@dataclass(frozen=True)
class Decoder:
    """Pixels uint8 `[H, W, C]` of a picture.

    Args:
        size: side of the result, whatever the picture's own; None: the picture is not resized.
        channels: 3 (red, green, blue) or 1 (grey); transparency is dropped.
        expected: ``(height, width)`` that the picture must have; None: any.
        crop: side of the square cut out of the picture's centre before it is resized; None: all.
        filter: how it is resized; on the way to a smaller one both average over all pixels.

    Source: none, ours; Pillow's decoders and filters.
    """

    size: int | None
    channels: int = 3
    expected: tuple[int, int] | None = None
    crop: int | None = None
    filter: Literal["bilinear", "bicubic"] = "bilinear"

    def read(self, picture: Path | bytes, name: str) -> np.ndarray:
        """Pixels of a file or of its content.

        Args:
            picture: the file, or what is in it.
            name: what to call it in an error.

        Raises:
            DataError: it is missing, damaged, no picture or not of the expected size.
        """
        from PIL import Image

        source = picture if isinstance(picture, Path) else io.BytesIO(picture)
        try:
            with Image.open(source) as opened:
                self._require_expected(opened.size, opened.mode, name)
                pixels = opened.convert("RGB" if self.channels == 3 else "L")
        except FileNotFoundError as error:
            raise DataError(f"{name} is missing; put it there again") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise DataError(
                f"{name} is damaged or no picture ({error}); fetch or extract it again"
            ) from error
        if self.crop is not None:
            left, top = (pixels.width - self.crop) // 2, (pixels.height - self.crop) // 2
            pixels = pixels.crop((left, top, left + self.crop, top + self.crop))
        if self.size is not None and pixels.size != (self.size, self.size):
            filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
            pixels = pixels.resize((self.size, self.size), filters[self.filter])
        return np.asarray(pixels).reshape(pixels.height, pixels.width, self.channels)

    def _require_expected(self, size: tuple[int, int], mode: str, name: str) -> None:
        width, height = size
        if self.expected is not None and (height, width) != self.expected:
            raise DataError(
                f"{name} is {width} pixels wide and {height} high, expected "
                f"{self.expected[1]} and {self.expected[0]}; put the original file there"
            )
        if mode.startswith(("I", "F")):
            raise DataError(
                f"{name} has more than 8 bits per channel (Pillow's mode {mode}); save it with 8"
            )


def picture_size(path: Path) -> tuple[int, int]:
    """``(height, width)`` of a picture, from its header.

    Raises:
        DataError: it is missing, damaged or no picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            return opened.height, opened.width
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} is missing, damaged or no picture ({error})") from error


def in_pieces(read: Callable[[Item], np.ndarray], items: Iterable[Item]) -> Iterator[np.ndarray]:
    """Images uint8 `[b, H, W, C]` of all ``items`` in their order, read by several threads.

    Args:
        read: pixels `[H, W, C]` of one item.
        items: taken from as they are needed, at most 256 ahead.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        while piece := list(islice(remaining, _AT_ONCE)):
            yield np.stack(list(pool.map(read, piece)))
