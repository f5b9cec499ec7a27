"""smallNORB, from the user's copies of the published files."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import resize_images
from vaescope.data.files.published import find_by_names
from vaescope.data.nuisance import uniform
from vaescope.data.sources import factors_of, source_of
from vaescope.errors import DataError

_BYTES, _INTEGERS = 0x1E3D4C55, 0x1E3D4C54  # the format's codes of the type
_SIDE = 96  # of the published images
_AT_ONCE = 512  # images
_INSTANCE = 1  # its place among the factors


@dataclass(eq=False, repr=False)
class SmallNORB(ConvertedDataset):
    """48,600 photographs of 50 toys, grey, 64x64 pixels.

    Made of the six published files, gzipped or not, in ``data_dir/smallnorb``,
    ``data_dir/small_norb`` or ``data_dir``; converted it takes 199 MB, and as much memory once.
    Training and test part are one set; of a stereo pair the left image is used.

    Args:
        resize: how 96 pixels become 64: ``lanczos``, as disentanglement_lib does it, or
            ``bilinear``, as disent does; both low-pass.
        instance: whether the toy's number within its category is a factor. False, as in
            disentanglement_lib: there are 4,860 rows, and one of ten toys is chosen by chance
            whenever a row is seen.

    Source: ``data_source``. Differs: none known; disentanglement_lib reads the pixels as signed
    numbers.
    """

    data_source = source_of("smallnorb")
    factors = factors_of("smallnorb")
    image_shape = (1, 64, 64)

    resize: Literal["lanczos", "bilinear"] = "lanczos"
    instance: bool = True

    def prepare(self) -> None:
        """Check the options; the factors follow from them."""
        super().prepare()
        self.has_nuisance = not self.instance
        if not self.instance:
            self.factors = without_instance(self.factors)

    @property
    def num_images(self) -> int:
        """Number of converted images: those of all instances in any case."""
        return type(self).factors.num_combinations

    def __len__(self) -> int:
        return self.factors.num_combinations

    @property
    def stem(self) -> str:
        """Name of the converted file, with the way of resizing."""
        return f"smallnorb-{self.resize}"

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, 64, 64]` in [0, 1]; the instance of a draw if it is no factor."""
        if self.has_nuisance:
            instances = type(self).factors.sizes[_INSTANCE]
            views = self.factors.num_combinations // self.factors.sizes[0]  # of one toy
            instance = (uniform(draw, 1)[:, 0] * instances).long()
            toy = index // views * instances + instance
            index = toy * views + index % views
        return super().images_at(index, draw)

    def find(self, places: list[Path]) -> list[Path] | None:
        """All six files, each gzipped or not, in the first place that has them; None: no has."""
        names = [file.name for file in self.data_source.files]
        return find_by_names([[name, name.removesuffix(".gz")] for name in names], places)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 1]` in the order of the rows, from row ``start`` on.

        All are read first: those in the files are in no order.
        """
        order = self._row_order(paths)
        side, rows, done = self.image_shape[-1], self.num_images, 0
        images = np.empty((rows, side, side, 1), np.uint8)
        for path in paths[0::3]:
            for left in _left_images(path, self.title):
                if done + len(left) > rows:
                    raise DataError(f"{path} has too many images; delete it and fetch it again")
                images[done : done + len(left)] = resize_images(left, side, self.resize)
                done += len(left)
        if done < rows:
            raise DataError(
                f"{paths[0]} and {paths[3]} hold {done} images, expected {rows}; fetch them again"
            )
        for first in range(start, rows, _AT_ONCE):
            yield images[order[first : first + _AT_ONCE]]

    def _row_order(self, paths: list[Path]) -> np.ndarray:
        """Numbers, int64 `[N]`, of the published images in the order of the rows."""
        parts = []
        for cat, info in zip(paths[1::3], paths[2::3], strict=True):
            category = _integers(cat, (), self.title)
            facts = _integers(info, (4,), self.title)
            if len(facts) != len(category):
                raise DataError(
                    f"{info} describes {len(facts)} images, {cat.name} {len(category)}; "
                    "fetch both again"
                )
            facts[:, 2] //= 2  # the azimuth is given in steps of 10 degrees and changes by 20
            parts.append(np.column_stack([category, facts]))
        values = np.concatenate(parts)
        order = np.lexsort(values.T[::-1])
        expected = type(self).factors.values(torch.arange(self.num_images)).numpy()
        if not np.array_equal(values[order], expected):
            raise DataError(
                f"{paths[2]} and {paths[5]} do not describe every combination of factors once; "
                "fetch them again"
            )
        return order


SmallNORBDataModule = data_module_of(SmallNORB)


def without_instance(factors: Factors) -> Factors:
    """The factors without the toy's number within its category."""
    left = zip(factors.names, factors.sizes, factors.kinds, strict=True)
    return Factors(*zip(*(f for k, f in enumerate(left) if k != _INSTANCE), strict=True))


def _left_images(path: Path, title: str) -> Iterator[np.ndarray]:
    """Left images of all pairs, in pieces uint8 `[b, 96, 96, 1]`."""
    shape = (2, _SIDE, _SIDE)
    with report_damage(path, title), _open(path) as file:
        rows = _header(file, _BYTES, shape)
        for first in range(0, rows, _AT_ONCE):
            pairs = _read(file, (min(_AT_ONCE, rows - first), *shape), np.dtype("u1"))
            yield pairs[:, 0, :, :, None]
        _require_end(file)


def _integers(path: Path, shape: tuple[int, ...], title: str) -> np.ndarray:
    """An array of whole numbers, int64 `[N, *shape]`."""
    with report_damage(path, title), _open(path) as file:
        numbers = _read(file, (_header(file, _INTEGERS, shape), *shape), np.dtype("<i4"))
        _require_end(file)
    return numbers.astype(np.int64)


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _header(file: io.BufferedIOBase, magic: int, shape: tuple[int, ...]) -> int:
    """Number of rows, of ``shape``, that a file begins to hold."""
    found, axes = _read(file, (2,), np.dtype("<i4")).tolist()
    if found != magic or axes != 1 + len(shape):
        raise ValueError(
            f"it begins with {found:#x} and {axes} axes, expected {magic:#x} and {1 + len(shape)}"
        )
    sides = _read(file, (max(3, axes),), np.dtype("<i4")).tolist()[:axes]
    if tuple(sides[1:]) != shape:
        raise ValueError(f"it holds {sides}, expected (any number), {list(shape)}")
    return sides[0]


def _read(file: io.BufferedIOBase, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    size = int(np.prod(shape)) * dtype.itemsize
    content = file.read(size)
    if len(content) < size:
        raise EOFError(f"it ends {size - len(content)} bytes too early")
    return np.frombuffer(content, dtype).reshape(shape)


def _require_end(file: io.BufferedIOBase) -> None:
    if file.read(1):  # also has gzip compare its checksum
        raise ValueError("it is longer than its header says")
