"""MPI3D, from the user's copies of the published files."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.files.array_files import headers, npz_images
from vaescope.data.files.published import find_together
from vaescope.data.sources import DataSource, factors_of, source_of
from vaescope.errors import DataError

_KEY = "images"


@dataclass(frozen=True)
class Variant:
    """One of the sets that MPI3D consists of; what its file is called elsewhere."""

    source: DataSource
    factors: Factors
    other_names: tuple[str, ...] = ()


_OTHER_NAMES = {
    "complex": ("real3d_complicated_shapes_ordered.npz",),
    "challenge": ("mpi3d_toy.npz",),  # disentanglement_lib's script renames its file
}
VARIANTS = {
    name: Variant(source_of(f"mpi3d_{name}"), factors_of(f"mpi3d_{name}"), other_names)
    for name in ("toy", "realistic", "real", "complex", "challenge")
    for other_names in [_OTHER_NAMES.get(name, ())]
}


@dataclass(eq=False, repr=False)
class MPI3D(ConvertedDataset):
    """Images of an object on a robot arm, rendered or photographed, in colour, 64x64 pixels.

    ``toy``, ``realistic`` and ``real`` have 1,036,800 images, ``complex`` and ``challenge``
    460,800. Each is made of its own npz file in ``data_dir/mpi3d``, in the folder that
    disentanglement_lib has for it or in ``data_dir``; converted they take 12.7 GB or 5.7 GB.

    Args:
        variant: ``toy`` (simply rendered), ``realistic`` (rendered in detail), ``real``
            (photographs), ``complex`` (photographs of everyday objects) or ``challenge``: the toy
            images with four colours and four shapes, which disentanglement_lib calls mpi3d_toy.

    Source: ``data_source``. Differs: none known.
    """

    data_source = source_of("mpi3d_toy")
    image_shape = (3, 64, 64)

    variant: Literal["toy", "realistic", "real", "complex", "challenge"] = "toy"

    def prepare(self) -> None:
        """Check the variant; factors and files belong to it."""
        super().prepare()
        chosen = VARIANTS[self.variant]
        self.factors, self.data_source = chosen.factors, chosen.source

    @property
    def stem(self) -> str:
        """Name of the converted file."""
        return f"mpi3d-{self.variant}"

    def find(self, places: list[Path]) -> list[Path] | None:
        """The variant's npz file, under its own name or another; None: there is none."""
        if found := find_together(self.data_source.files, places):
            self._require_own_length(found[0])
            return found
        others = [place / name for name in VARIANTS[self.variant].other_names for place in places]
        own = (path for path in others if path.is_file() and _num_images(path) == self.num_images)
        return [path] if (path := next(own, None)) else None

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` in the order of the rows, from row ``start`` on."""
        yield from npz_images(paths[0], _KEY, self.stored_shape, start, self.title)

    def _require_own_length(self, path: Path) -> None:
        """Refuse a whole file of another variant: its checksum would only say what it is not."""
        found = _num_images(path)
        fits = {name: v for name, v in VARIANTS.items() if v.factors.num_combinations == found}
        if found == self.num_images or not fits:
            return
        called = [
            n for n, v in fits.items() if path.name in (v.source.files[0].name, *v.other_names)
        ]
        others = " or ".join(f"data=mpi3d_{name}" for name in called or fits)
        raise DataError(
            f"{path} holds {found:,} images, {self.title} has {self.num_images:,}; choose {others}"
            ", or delete the file and fetch it again"
        )


MPI3DDataModule = data_module_of(MPI3D)


def _num_images(path: Path) -> int | None:
    """Number of images in an npz file; None: there are none that can be read."""
    try:
        return math.prod(headers(path)[_KEY].shape[:-3])
    except (DataError, KeyError):
        return None
