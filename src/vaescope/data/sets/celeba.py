"""CelebA from the user's own copies of the published files; faces with attributes, no factors."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import Decoder, read_pieces
from vaescope.data.files.published import PublishedFile, find_by_names
from vaescope.data.sources import source_of
from vaescope.errors import DataError

_HEIGHT, _WIDTH = 218, 178
_PAGE = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_FOLDER = "img_align_celeba"  # of the images, also inside the zip
_ATTRIBUTES = "list_attr_celeba.txt"
_NAMES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses "
    "Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache "
    "Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick "
    "Wearing_Necklace Wearing_Necktie Young"
)


@dataclass(eq=False, repr=False)
class CelebA(ConvertedDataset):
    """202,599 faces of celebrities, 64x64 pixels, with 40 attributes each.

    Read from ``data_dir/celeba`` (or ``CelebA``, or its folders ``Img``, ``Anno``, ``Eval``):
    ``img_align_celeba.zip`` or the folder extracted from it, and ``list_attr_celeba.txt``;
    ``list_eval_partition.txt`` if it is there. 2.5 GB are written.

    Args:
        crop: side of the centre square that is kept of 178x218 pixels, 140 and 148 are usual;
            None: all is kept, and made square.

    Attributes:
        attributes: uint8 `[N, 40]` of 0 and 1, named by ``attribute_names``; they are no factors,
            for they neither make an image nor vary independently.
        partition_file: the publisher's split, not needed.
        partition: that split, uint8 `[N]`, 0 training, 1 validation, 2 test; None: the
            file was not there.

    Source: ``data_source``. Differs: resized by an antialiased bilinear filter, once, and split
    by the data module, not by ``partition``.
    """

    data_source = source_of("celeba")

    partition_file: ClassVar = PublishedFile(
        "list_eval_partition.txt", "md5", "d32c9cbf5e040fd4025c592c306e6668", page=_PAGE
    )
    factors = Factors((), (), ())
    image_shape = (3, 64, 64)
    num_images = 202_599
    attribute_names = tuple(_NAMES.split())

    crop: Annotated[int, Interval(ge=1, le=_WIDTH)] | None = None

    def load(self) -> None:
        """Open the converted images, which may be made first."""
        super().load()
        self.attributes = self.tables["attributes"]
        self.partition = self.tables.get("partition")

    @property
    def stem(self) -> str:
        """Name of the converted file."""
        return "celeba-64" if self.crop is None else f"celeba-crop{self.crop}-64"

    def find(self, places: list[Path]) -> list[Path] | None:
        """Paths of images, attributes and, if it is there, partition, in the first place."""
        images = [*_in_folders(f"{_FOLDER}.zip"), *_in_folders(_FOLDER)]
        needed = [images, _in_folders(_ATTRIBUTES)]
        partition = _in_folders(self.partition_file.name)
        for place in places:
            found = find_by_names([*needed, partition], [place]) or find_by_names(needed, [place])
            if found:
                return found
        return None

    def read_tables(self, paths: list[Path]) -> dict[str, np.ndarray]:
        """``attributes`` and, if the file is there, ``partition``; a table of no factors."""
        tables = {
            "table": np.zeros((self.num_images, 0), np.int64),
            "attributes": self._attributes(paths[1]),
        }
        if len(paths) > 2:
            self.partition_file.identify(paths[2])
            tables["partition"] = self._numbers(paths[2], 0, 1)[:, 0].astype(np.uint8)
        return tables

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` in the order of their file names, from ``start`` on."""
        decoder = Decoder(size=64, expected=(_HEIGHT, _WIDTH), crop=self.crop)
        names = _names(self.num_images)[start:]
        if paths[0].is_dir():
            yield from read_pieces(lambda name: decoder.read(paths[0] / name), names)
            return
        with zipfile.ZipFile(paths[0]) as archive:

            def read(name: str) -> np.ndarray:
                with report_damage(paths[0] / name, self.title):
                    content = archive.read(f"{_FOLDER}/{name}")
                return decoder.read(content, f"{name} in {paths[0]}")

            yield from read_pieces(read, names)

    def _attributes(self, path: Path) -> np.ndarray:
        with path.open() as file:
            names = [file.readline(), file.readline()][1].split()
        if tuple(names) != self.attribute_names:
            raise DataError(
                f"{path} has {len(names)} attributes, {' '.join(names[:3])} ..., expected "
                f"{len(self.attribute_names)}; fetch it again"
            )
        return (self._numbers(path, 2, len(names)) > 0).astype(np.uint8)

    def _numbers(self, path: Path, skipped: int, columns: int) -> np.ndarray:
        """Numbers int8 `[N, columns]` of a text file whose rows begin with the image's name."""
        try:
            names = np.loadtxt(path, str, skiprows=skipped, usecols=0, ndmin=1)
            used = range(1, columns + 1)
            numbers = np.loadtxt(path, np.int8, skiprows=skipped, usecols=used, ndmin=2)
        except ValueError as error:
            raise DataError(f"{path} is damaged ({error}); fetch it again") from error
        if names.tolist() != _names(self.num_images):
            raise DataError(
                f"{path} has {len(names)} rows, expected one for each of {self.num_images} "
                "images, in their order; fetch it again"
            )
        return numbers


CelebADataModule = data_module_of(CelebA)


def _names(num_images: int) -> list[str]:
    return [f"{number:06d}.jpg" for number in range(1, num_images + 1)]


def _in_folders(name: str) -> list[str]:
    """A file's name, also below the publisher's own folders."""
    return [name, *(f"{folder}/{name}" for folder in ("Img", "Anno", "Eval"))]
