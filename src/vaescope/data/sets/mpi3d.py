"""MPI3D, from the user's copies of the published files."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import FactorDataModule
from vaescope.data.factors import Factors
from vaescope.data.files.array_files import headers, npz_images
from vaescope.data.files.published import PublishedFile, find_together
from vaescope.data.sources import DataSource, Publication
from vaescope.errors import DataError

_KEY = "images"
_HUGGING_FACE = "https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main"
_NEWER = "https://storage.googleapis.com/mpi3d_disentanglement_dataset/data"
_OLDER = "https://storage.googleapis.com/disentanglement_dataset"
_DRIVE_ID = "1Tp8eTdHxgUMtsZv5uAoYAbJR1BOa_OQm"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


@dataclass(frozen=True)
class Variant:
    """One of the sets that MPI3D consists of.

    Args:
        title: for people.
        file: as published.
        sizes: number of values of each factor.
        other_names: what its file is called elsewhere.
        note: what the tables say of it.
    """

    title: str
    file: PublishedFile
    sizes: tuple[int, ...] = (6, 6, 2, 3, 3, 40, 40)
    other_names: tuple[str, ...] = ()
    note: str = ""

    @property
    def num_images(self) -> int:
        """Number of combinations, each of which has one image."""
        return math.prod(self.sizes)

    @property
    def factors(self) -> Factors:
        """What the images vary in."""
        return Factors(
            (
                "object_color",
                "object_shape",
                "object_size",
                "camera_height",
                "background_color",
                "horizontal_axis",
                "vertical_axis",
            ),
            self.sizes,
            (
                "categorical",
                "categorical",
                "ordinal",
                "ordinal",
                "categorical",
                "ordinal",
                "ordinal",
            ),
        )


def _file(stem: str, md5: str, newer: str) -> PublishedFile:
    name = f"{stem}.npz"
    hosts = (f"{_HUGGING_FACE}/{name}", f"{_NEWER}/{newer}", f"{_OLDER}/Final_Dataset/{name}")
    return PublishedFile(name, "md5", md5, addresses=hosts)


_FEWER = (4, 4, 2, 3, 3, 40, 40)
_CHALLENGE = "sim_toy_64x_ordered_without_heldout_factors.npz"
VARIANTS = {
    "toy": Variant(
        "MPI3D toy",
        _file("mpi3d_toy", "55889cb7c7dfc655d6e0277beee88868", "mpi3d_toy.npz"),
    ),
    "realistic": Variant(
        "MPI3D realistic",
        _file("mpi3d_realistic", "59a6225b88b635365f70c91b3e52f70f", "mpi3d_realistic.npz"),
    ),
    "real": Variant(
        "MPI3D real",
        _file("mpi3d_real", "0f33f609918fb5c97996692f91129802", "real.npz"),
    ),
    "complex": Variant(
        "MPI3D real complex",
        PublishedFile(
            "mpi3d_real_complex.npz",
            addresses=(f"{_DRIVE}{_DRIVE_ID}",),
            page=f"https://drive.google.com/file/d/{_DRIVE_ID}/view",
        ),
        _FEWER,
        ("real3d_complicated_shapes_ordered.npz",),
    ),
    "challenge": Variant(
        "MPI3D toy (file of the NeurIPS 2019 challenge)",
        PublishedFile(_CHALLENGE, addresses=(f"{_OLDER}/data_npz/{_CHALLENGE}",)),
        _FEWER,
        ("mpi3d_toy.npz",),  # disentanglement_lib's script renames it
        "the file that disentanglement_lib calls mpi3d_toy",
    ),
}


@dataclass(eq=False, repr=False)
class MPI3D(ConvertedDataset):
    """Pictures of an object on a robot arm, rendered or photographed, in colour, 64x64 pixels.

    ``toy``, ``realistic`` and ``real`` have 1,036,800 images, ``complex`` and ``challenge``
    460,800. Each is made of its own npz file in ``data_dir/mpi3d``, in the folder that
    disentanglement_lib has for it or in ``data_dir``; converted they take 12.7 GB or 5.7 GB.

    Args:
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.
        variant: ``toy`` (simply rendered), ``realistic`` (rendered in detail), ``real``
            (photographs), ``complex`` (photographs of everyday objects) or ``challenge``: the toy
            images with four colours and four shapes, which disentanglement_lib calls mpi3d_toy.

    Raises:
        ConfigError: the variant is unknown.
        DataError: the file is missing, damaged, that of another variant or not the published one,
            or the disk is full.

    Source: ``data_source``. Differs: none known.
    """

    data_source = DataSource(
        option="mpi3d_toy",
        title="MPI3D",
        publications=(
            Publication(
                "Gondal et al.",
                2019,
                "On the Transfer of Inductive Bias from Simulation to the Real World: a New "
                "Disentanglement Dataset, https://github.com/rr-learning/disentanglement_dataset",
                "https://arxiv.org/abs/1906.03292",
            ),
        ),
        images="your npz",
        licence="CC BY 4.0",
        folder="mpi3d",
        other_folders=("mpi3d_toy", "mpi3d_realistic", "mpi3d_real", "."),
    )
    image_shape = (3, 64, 64)

    variant: Literal["toy", "realistic", "real", "complex", "challenge"] = "toy"

    def prepare(self) -> None:
        """Check the variant; factors and files belong to it."""
        super().prepare()
        chosen = VARIANTS[self.variant]
        self.factors = chosen.factors
        self.data_source = replace(
            self.data_source,
            option=f"mpi3d_{self.variant}",
            title=chosen.title,
            files=(chosen.file,),
            note=chosen.note,
        )

    @property
    def stem(self) -> str:
        """Name of the converted file."""
        return f"mpi3d-{self.variant}"

    def find(self, places: list[Path]) -> list[Path] | None:
        """The variant's npz file, under its own name or another; None: there is none.

        Raises:
            DataError: the file of this name is that of another variant.
        """
        if found := find_together(self.data_source.files, places):
            self._require_own_length(found[0])
            return found
        others = [place / name for name in VARIANTS[self.variant].other_names for place in places]
        own = (path for path in others if path.is_file() and _num_images(path) == self.num_images)
        return [path] if (path := next(own, None)) else None

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` in the order of the rows, from row ``start`` on.

        Args:
            paths: the npz file, checked.
            start: the first row that is wanted.

        Raises:
            DataError: the file is damaged or laid out differently.
        """
        channels, height, width = self.image_shape
        shape = (self.num_images, height, width, channels)
        yield from npz_images(paths[0], _KEY, shape, start, self.title)

    def _require_own_length(self, path: Path) -> None:
        """Refuse a whole file of another variant: its checksum would only say what it is not."""
        found = _num_images(path)
        fits = {name: v for name, v in VARIANTS.items() if v.num_images == found}
        if found == self.num_images or not fits:
            return
        called = [n for n, v in fits.items() if path.name in (v.file.name, *v.other_names)]
        others = " or ".join(f"data=mpi3d_{name}" for name in called or fits)
        raise DataError(
            f"{path} holds {found:,} images, {self.title} has {self.num_images:,}; choose {others}"
            ", or delete the file and fetch it again"
        )


class MPI3DDataModule(FactorDataModule):
    """Batches of ``MPI3D``."""

    dataset_class = MPI3D


def _num_images(path: Path) -> int | None:
    """Number of images in an npz file; None: there are none that can be read."""
    try:
        return math.prod(headers(path)[_KEY].shape[:-3])
    except (DataError, KeyError):
        return None
