"""Images in one array of your own file: its layout, and the same as bytes `[N, H, W, C]`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from vaescope.data.files.array_files import Header, array_pieces, is_npy
from vaescope.data.files.image_files import resize_images
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.sets.own.datamodule import map_converted, size_and_time
from vaescope.data.sets.own.layouts import guess_layout, require_layout, view_as_rows
from vaescope.data.sets.own.pixel_values import PixelValues
from vaescope.errors import ConfigError

_VERSION = 2  # of the conversion


@dataclass(frozen=True)
class ImagesInFile:
    """Which array of a file holds the images or vectors, and how."""

    path: Path
    key: str
    header: Header
    values: PixelValues
    said_layout: str | None = None  # order of its axes; None: to be guessed
    size: int | None = None  # side that the images are resized to; None: they are not

    @cached_property
    def layout(self) -> str:
        """Letters of the axes: N, X of vectors; N, H, W and perhaps C of images."""
        what = f"{self.key} in {self.path}"
        if self.said_layout is None:
            layout = guess_layout(self.header.shape, self.header.dtype, what)
        else:
            layout = self.said_layout
            require_layout(layout, self.header.shape, self.header.dtype, what)
        if not all(self.header.shape):
            raise ConfigError(f"{what} is {self.header}, which holds nothing; check data.path")
        if layout in ("NX", "XN") and self.size is not None:
            raise ConfigError(f"size={self.size} was given, but {what} holds vectors; leave it out")
        return layout

    @property
    def is_vectors(self) -> bool:
        """Whether these are vectors, not images."""
        return "X" in self.layout

    @property
    def num_rows(self) -> int:
        """N."""
        return self.header.shape[self.layout.index("N")]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """``(C, H, W)`` as they will be, or ``(X,)`` of vectors."""
        if self.is_vectors:
            return (self._sides["X"],)
        height, width = self._sides["H"], self._sides["W"]
        if self.size is not None:
            height = width = self.size
        return (self._sides.get("C", 1), height, width)

    def open(self, data_dir: str | Path | None) -> MappedArray:
        """The images, memory-mapped: the file itself if it can be, else converted at first use."""
        as_it_is = self.size is None and self.values.are_bytes(self.header.dtype)
        if as_it_is and is_npy(self.path) and self.layout.startswith("N"):
            view = partial(view_as_rows, layout=self.layout)
            mapped = MappedArray(self.path, self.header.shape, view=view)
            self._bytes(mapped.array[:1000], 0)  # tells whether white seems to be something else
            return mapped
        channels, height, width = self.image_shape
        about = {
            "file": str(self.path.resolve()),
            "size_and_time": size_and_time(self.path),
            "key": self.key,
            "black": self.values.black,
            "white": self.values.white,
            "layout": self.layout,
            "size": self.size,
            "version": _VERSION,
        }
        shape = (self.num_rows, height, width, channels)
        return map_converted(shape, self.pieces, about, self.path.stem, data_dir)

    @property
    def _sides(self) -> dict[str, int]:
        return dict(zip(self.layout, self.header.shape, strict=True))

    def _rows(self, start: int) -> Iterator[np.ndarray]:
        for piece in array_pieces(self.path, self.key, start, self.layout.index("N")):
            yield view_as_rows(piece, self.layout)

    def pieces(self, start: int) -> Iterator[np.ndarray]:
        """The images uint8 `[b, H, W, C]` from row ``start`` on, read from the file."""
        for piece in self._rows(start):
            images = self._bytes(piece, start)
            yield images if self.size is None else resize_images(images, self.size, "bilinear")
            start += len(piece)

    def _bytes(self, images: np.ndarray, start: int) -> np.ndarray:
        return self.values.as_bytes(images, start, f"{self.path}: {self.key}", self._rows(0))
