"""Image files: decoded by Pillow, turned upright, put on a canvas, cut, resized, in threads."""

import io
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, Any, Literal, TypeVar

import numpy as np

from vaescope.data.files.damage import DAMAGE
from vaescope.errors import ConfigError, DataError

Item = TypeVar("Item")
Colour = tuple[int, int, int]
_AT_ONCE = 256  # images held decoded
_THREADS = min(4, os.cpu_count() or 1)  # the decoders work outside of Python's lock
_DAMAGE = (*DAMAGE, SyntaxError, ArithmeticError, struct.error)  # as the decoders tell of it
_TO_65535 = ("PNG", "PPM")  # formats whose numbers in Pillow's mode I have this white
_ORIENTATION = 0x0112  # EXIF's number for how the camera was held


@dataclass(frozen=True)
class Notes:
    """What was done to how many images, as ``counts``; several threads may add to it."""

    counts: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=Lock, repr=False, compare=False)

    def add(self, what: str) -> None:
        """Count one more image."""
        with self._lock:
            self.counts[what] += 1


@dataclass(frozen=True)
class Decoder:
    """Pixels uint8 `[H, W, C]` of an image file.

    Of an animation, or a file of several images, the first is read. Grey values of 16 bits are
    rounded to 8; of colours of 16 bits Pillow reads the higher 8 only, which is noted.

    Args:
        size: side of the result, whatever the image's own; None: the image is not resized.
        channels: 3 (red, green, blue) or 1 (grey).
        expected: ``(height, width)`` that the image must have; None: any.
        crop: side of the square cut out of the image's centre before it is resized; None: all.
        filter: how it is resized; on the way to a smaller one both average over all pixels.
        canvas: colour behind transparent images; None: transparency is dropped, and colours that
            it hid appear.
        upright: turn images as their camera was held, as EXIF says.
        advice: what to do about an image of another size than expected.
        notes: keeps count of what was done to images that are not plain.
    """

    size: int | None
    channels: int = 3
    expected: tuple[int, int] | None = None
    crop: int | None = None
    filter: Literal["bilinear", "bicubic"] = "bilinear"
    canvas: Colour | None = None
    upright: bool = False
    advice: str = "put the original file there"
    notes: Notes = field(default_factory=Notes)

    def read(self, file: Path | bytes, name: str = "") -> np.ndarray:
        """Pixels of a file, or of its content, called ``name`` in an error."""
        from PIL import Image

        source = file if isinstance(file, Path) else io.BytesIO(file)
        name = name or str(file)
        try:
            with open_image(source) as opened:
                pixels = self._plain(opened, name)
        except DataError:  # a RuntimeError itself
            raise
        except FileNotFoundError as error:
            raise DataError(f"{name} is missing; put it there again") from error
        except (*_DAMAGE, Image.DecompressionBombError) as error:
            raise DataError(
                f"{name} is damaged or no image ({error}); fetch or extract it again"
            ) from error
        if self.crop is not None:
            left, top = (pixels.width - self.crop) // 2, (pixels.height - self.crop) // 2
            pixels = pixels.crop((left, top, left + self.crop, top + self.crop))
        if self.size is not None and pixels.size != (self.size, self.size):
            pixels = pixels.resize((self.size, self.size), Image.Resampling[self.filter.upper()])
        return np.asarray(pixels).reshape(pixels.height, pixels.width, self.channels)

    def _plain(self, opened: Any, name: str) -> Any:
        """The image upright, opaque, of 8 bits, in colour or grey."""
        from PIL import Image, ImageOps

        is_deep = any(";16" in str(tile[3]) for tile in opened.tile)  # before it is turned
        if getattr(opened, "n_frames", 1) > 1:
            self.notes.add("several")
        if self.upright and opened.getexif().get(_ORIENTATION, 1) in range(2, 9):
            self.notes.add("turned")
            opened = ImageOps.exif_transpose(opened)
        if self.expected is not None and opened.size[::-1] != self.expected:
            raise DataError(
                f"{name} is {opened.width} pixels wide and {opened.height} high, expected "
                f"{self.expected[1]} and {self.expected[0]}; {self.advice}"
            )
        if opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format in _TO_65535):
            self.notes.add("rounded")
            is_deep = False
            levels = np.asarray(opened).astype(np.float32) / 257  # white was 65535
            opened = Image.fromarray(np.rint(levels).astype(np.uint8))
        if opened.mode.startswith(("I", "F")):
            raise DataError(
                f"{name} has more than 8 bits per channel (Pillow's mode {opened.mode}); save it "
                "with 8"
            )
        if is_deep:
            self.notes.add("cut")
        has_alpha = opened.mode in ("RGBA", "LA", "PA", "RGBa", "La")
        if self.canvas is not None and (has_alpha or "transparency" in opened.info):
            opened = opened.convert("RGBA")
            if opened.getextrema()[3][0] < 255:
                self.notes.add("transparent")
                canvas = Image.new("RGBA", opened.size, (*self.canvas, 255))
                opened = Image.alpha_composite(canvas, opened)
        return opened.convert("RGB" if self.channels == 3 else "L")


def colour_of(canvas: str | int) -> Colour:
    """Red, green and blue, 0..255, of a grey value 0..255, a colour's name or ``#rrggbb``."""
    from PIL import ImageColor

    if isinstance(canvas, int) and not isinstance(canvas, bool) and 0 <= canvas <= 255:
        return canvas, canvas, canvas
    if isinstance(canvas, str):
        with suppress(ValueError):
            colour = ImageColor.getrgb(canvas)
            if len(colour) == 3:
                return colour
    raise ConfigError(
        f"canvas={canvas} was given; choose a grey value 0..255, or a colour: black, white, "
        "'#ff8000', ..."
    )


def image_size(path: Path) -> tuple[int, int]:
    """``(height, width)`` of an image file once it is turned upright, from its header."""
    from PIL import Image

    try:
        with open_image(path) as opened:
            height, width = opened.height, opened.width
            # Pillow turns tif files by itself, whose size is already that
            is_turned = opened.format != "TIFF" and opened.getexif().get(_ORIENTATION, 1) > 4
            return (width, height) if is_turned else (height, width)
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is missing, damaged or no image ({error})") from error


@contextmanager
def open_image(source: Path | IO[bytes]) -> Iterator[Any]:
    """The image as Pillow opens it, its pixels not read yet.

    Whatever its name, PostScript is refused: it is a program, and Pillow has Ghostscript run it.
    """
    from PIL import Image, UnidentifiedImageError

    with Image.open(source) as opened:
        if opened.format == "EPS":
            raise UnidentifiedImageError("PostScript is a program, save it as png")
        yield opened


def read_pieces(read: Callable[[Item], np.ndarray], items: Iterable[Item]) -> Iterator[np.ndarray]:
    """Images uint8 `[b, H, W, C]` of all ``items`` in their order, read by several threads.

    Items are taken as they are needed, at most 256 ahead.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        while piece := list(islice(remaining, _AT_ONCE)):
            yield np.stack(list(pool.map(read, piece)))


def resize_images(images: np.ndarray, side: int, method: str) -> np.ndarray:
    """Square images uint8 `[b, side, side, C]` made of uint8 `[b, H, W, C]`.

    Args:
        images: of any number of channels.
        side: in pixels; images that have it already are returned as they are.
        method: ``lanczos``, ``bilinear`` or ``bicubic``; all low-pass what they make smaller.

    Source: Pillow's ``Image.resize``, https://pillow.readthedocs.io. Differs: none; Lanczos is
    what disentanglement_lib calls ``ANTIALIAS``, bilinear is torchvision's default for images.
    """
    from PIL import Image

    if images.shape[1:3] == (side, side):
        return images
    channels = images.shape[-1]
    if channels not in (1, 3):  # of 2 or 4 Pillow would take the last for transparency
        each = [resize_images(images[..., c : c + 1], side, method) for c in range(channels)]
        return np.concatenate(each, axis=-1)
    planes = images[..., 0] if channels == 1 else images
    small = np.empty((len(images), side, side, channels), np.uint8)
    targets = small[..., 0] if channels == 1 else small
    to = ((side, side), Image.Resampling[method.upper()])
    for number, plane in enumerate(planes):  # Pillow takes one image at a time
        targets[number] = np.asarray(Image.fromarray(plane).resize(*to))
    return small
