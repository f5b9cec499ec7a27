"""The data sets of the benchmarks, one for each way of keeping images, and their single items.

* dsprites: bit-packed, memory-mapped, unpacked as it is read;
* shapes3d_like: composed of tables in memory;
* mapped: a memory-mapped uint8 array of the size of Shapes3D, filled with random bytes.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import elapsed, now
from torch import Tensor
from torch.utils.data import Dataset

from vaescope.data import DSprites, FactorDataModule, FactorDataset, Factors
from vaescope.data.batches import BatchLoader
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.sets.shapes3d import Shapes3D
from vaescope.data.stored import StoredDataset

SETS = ("dsprites", "shapes3d_like", "mapped")
WHOLE = Shapes3D.factors.num_combinations


class Items(Dataset[dict[str, Tensor]]):
    """A data set as most people would write it: one image at a time.

    Args:
        image: gives the image float32 `[C, H, W]` of a row.
        values: factor values of all rows `[N, K]`.
    """

    def __init__(self, image: Callable[[int], Tensor], values: Tensor) -> None:
        self.image, self.values = image, values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"image": self.image(row), "factors": self.values[row]}


@dataclass(kw_only=True, eq=False, repr=False)
class Given(FactorDataModule):
    """Batches of one of the benchmarks' data sets.

    Args:
        name: one of ``SETS``.
        path: file of the mapped array.
        num_rows: of that file.

    The other arguments are those of ``FactorDataModule``.
    """

    name: str = "dsprites"
    path: str = ""
    num_rows: int = WHOLE

    @property
    def factors(self) -> Factors:
        """What the images vary in."""
        return DSprites.factors if self.name == "dsprites" else Shapes3D.factors

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(C, H, W)``."""
        return DSprites.image_shape if self.name == "dsprites" else Shapes3D.image_shape

    def build(self) -> FactorDataset:
        """The data set."""
        return dataset(self.name, Path(self.path), self.num_rows)


class TimedLoader(BatchLoader):
    """A loader that adds up the seconds in which its batches were waited for."""

    waited = 0.0

    def __iter__(self) -> Iterator[Any]:
        ready = super().__iter__()
        while True:
            start = now()
            batch = next(ready, None)
            self.waited += elapsed(start)[0]
            if batch is None:
                return
            yield batch


@dataclass(kw_only=True, eq=False, repr=False)
class Watched(Given):
    """``Given`` with a training loader, ``loader``, that measures how long it is waited for."""

    def train_dataloader(self) -> TimedLoader:
        """Training batches from the trainer's position on."""
        loader = super().train_dataloader()
        self.loader = TimedLoader(loader.dataset, loader.sampler, loader.num_workers)
        return self.loader


def dataset(name: str, path: Path, rows: int) -> FactorDataset:
    """A data set of ``SETS``; the mapped one from ``path`` with so many ``rows``."""
    if name == "dsprites":
        return DSprites(cache=True)
    if name == "shapes3d_like":
        from vaescope.data.sets.shapes3d_like.dataset import Shapes3DLike

        return Shapes3DLike()
    factors = Shapes3D.factors
    table = None if rows == WHOLE else factors.values(torch.arange(rows))
    return StoredDataset(_array(path, rows), factors, "random bytes", table)


def items(name: str, source: FactorDataset, path: Path, rows: int) -> Items:
    """Single images of the same data, each made in the most direct way."""
    values = source.values(torch.arange(len(source)))
    if name == "dsprites":
        packed = source._packed  # type: ignore[attr-defined]
        return Items(partial(_unpacked, packed), values)
    if name == "mapped":
        return Items(partial(_pixels, _array(path, rows).array), values)
    return Items(partial(_composed, source, values), values)


def write_array(path: Path, rows: int) -> None:
    """Write random images uint8 `[rows, 64, 64, 3]` into an npy file.

    Raises:
        SystemExit: the disk has too little room.
    """
    row = 64 * 64 * 3
    free = shutil.disk_usage(path.parent).free
    if free < rows * row + 2**30:
        raise SystemExit(
            f"{path.parent} has {free / 1e9:.1f} GB free, but {rows} rows take "
            f"{rows * row / 1e9:.1f} GB and 1 GB is left alone; give fewer --rows"
        )
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (rows, 64, 64, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, 4096):
            file.write(rng.bytes(min(4096, rows - start) * row))


def read_once(path: Path) -> None:
    """Bring a file into the page cache, as far as memory reaches."""
    with path.open("rb") as file:
        while file.read(2**24):
            pass


def _array(path: Path, rows: int) -> MappedArray:
    return MappedArray(path, (rows, 64, 64, 3))


def _unpacked(packed: np.ndarray, row: int) -> Tensor:
    return torch.from_numpy(np.unpackbits(packed[row])).view(1, 64, 64).float()


def _pixels(array: np.ndarray, row: int) -> Tensor:
    return torch.tensor(array[row]).permute(2, 0, 1).float() / 255


def _composed(source: FactorDataset, values: Tensor, row: int) -> Tensor:
    return source.images(values[row : row + 1])[0]
