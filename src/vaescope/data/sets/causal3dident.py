"""Causal3DIdent from the user's own copies of the published archives."""

import io
import math
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import Decoder, read_pieces
from vaescope.data.files.published import find_by_names
from vaescope.data.sources import factors_of, source_of
from vaescope.errors import DataError

_TITLE = "Causal3DIdent"
_SIDE = 224
_SHAPE = (64, 64, 3)
_DECODER = Decoder(size=64, expected=(_SIDE, _SIDE))
_PARTS = ("trainset", "testset")
_NUM_LATENTS = 10
_CLASSES = ("teapot", "hare", "dragon", "cow", "armadillo", "horse", "head")


class Causal3DIdent(ConvertedDataset):
    """277,200 rendered objects of 7 classes, 64x64 pixels, with 10 latents that cause each other.

    Read from ``data_dir/causal3dident`` (or ``Causal3DIdent``): ``trainset.tar.gz`` and
    ``testset.tar.gz``, or the folders extracted from them. Rows are the training part, then the
    test part, class by class. 3.4 GB are written; reading the archives needs 3.1 GB more meanwhile.

    Attributes:
        num_per_class: images of each class in the training and in the test part.
        class_names: what the values of the factor ``class`` are.

    Source: ``data_source``. Differs: resized from 224x224 pixels by an antialiased bilinear
    filter; latents are mapped from [-1, 1] to [0, 1]; both parts make one set, split by the
    data module.
    """

    data_source = source_of("causal3dident")
    factors = factors_of("causal3dident")
    image_shape = (3, 64, 64)
    class_names = _CLASSES
    num_per_class = (36_000, 3_600)

    @property
    def num_images(self) -> int:
        """Number of rows."""
        return len(_CLASSES) * sum(self.num_per_class)

    def find(self, places: list[Path]) -> list[Path] | None:
        """Paths of both parts, archive or folder, in the first place that has both."""
        return find_by_names([[f"{part}.tar.gz", part] for part in _PARTS], places)

    def read_tables(self, paths: list[Path]) -> dict[str, np.ndarray]:
        """``table`` of class and latents, float32 `[N, 11]`."""
        parts = zip(paths, self.num_per_class, strict=True)
        return {"table": np.concatenate([_table(path, count) for path, count in parts])}

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` part by part, class by class, from row ``start`` on."""
        for path, count in zip(paths, self.num_per_class, strict=True):
            num_images = len(_CLASSES) * count
            if start < num_images:
                from_part = _from_archive if path.is_file() else _from_folder
                yield from from_part(path, count, max(start, 0))
            start -= num_images


Causal3DIdentDataModule = data_module_of(Causal3DIdent)


def _table(path: Path, count: int) -> np.ndarray:
    """Class and latents of one part, float32 `[7 * count, 11]`."""
    read = _latents_of_archive if path.is_file() else _latents_of_folder
    by_class = read(path)
    rows = []
    for number, name in enumerate(_CLASSES):
        latents = by_class.get(number)
        if latents is None or latents.shape != (count, _NUM_LATENTS):
            found = "no latents" if latents is None else f"latents {list(latents.shape)}"
            raise DataError(
                f"{path} has {found} of class {number} ({name}) in raw_latents_{number}.npy, "
                f"expected {[count, _NUM_LATENTS]}; fetch or extract it again"
            )
        if not (np.abs(latents) <= 1 + 1e-6).all():
            raise DataError(
                f"{path}: raw_latents_{number}.npy holds numbers outside of [-1, 1]; fetch or "
                "extract it again"
            )
        unit = ((latents + 1) / 2).clip(0, 1)
        rows.append(np.hstack([np.full((count, 1), number), unit]))
    return np.concatenate(rows).astype(np.float32)


def _latents_of_folder(path: Path) -> dict[int, np.ndarray]:
    files = {number: path / f"raw_latents_{number}.npy" for number in range(len(_CLASSES))}
    with report_damage(path, _TITLE):
        return {n: np.load(file, allow_pickle=False) for n, file in files.items() if file.is_file()}


def _latents_of_archive(path: Path) -> dict[int, np.ndarray]:
    found = {}
    with report_damage(path, _TITLE):
        for number, content in _members(path, r"[^/]+/raw_latents_(\d)\.npy"):
            found[int(number[1])] = np.load(io.BytesIO(content), allow_pickle=False)
    return found


def _from_folder(path: Path, count: int, first: int) -> Iterator[np.ndarray]:
    """Images of one part from its row ``first`` on."""
    files = [file for number in range(len(_CLASSES)) for file in _files(path, number, count)]
    yield from read_pieces(_DECODER.read, files[first:])


def _files(path: Path, number: int, count: int) -> list[Path]:
    """Images of one class by their numbers; the publisher pads these differently in each part."""
    folder = path / f"images_{number}"
    with report_damage(path, _TITLE):
        found = {int(file.stem): file for file in folder.iterdir() if file.stem.isdigit()}
    if sorted(found) != list(range(count)):
        raise DataError(
            f"{folder} holds {len(found)} images, expected those numbered 0..{count - 1}; "
            "extract the archive again"
        )
    return [found[position] for position in range(count)]


def _from_archive(path: Path, count: int, first: int) -> Iterator[np.ndarray]:
    """Images of one part from its row ``first`` on; an archive has them in any order."""
    num_images, image_size = len(_CLASSES) * count, math.prod(_SHAPE)
    rows: list[int] = []
    seen = np.zeros(num_images, bool)

    def contents() -> Iterator[tuple[bytes, str]]:
        for found, content in _members(path, r"[^/]+/images_(\d)/(\d+)\.png"):
            number, position = int(found[1]), int(found[2])
            if number < len(_CLASSES) and position < count:
                rows.append(number * count + position)
                yield content, f"{found[0]} in {path}"

    with tempfile.TemporaryFile(dir=path.parent) as scattered:
        for images in read_pieces(lambda content: _DECODER.read(*content), contents()):
            for row, image in zip(rows, images, strict=True):
                scattered.seek(row * image_size)
                scattered.write(image.tobytes())
            seen[rows] = True
            rows.clear()
        if not seen.all():
            raise DataError(f"{path} has {seen.sum():,} of {num_images:,} images; fetch it again")
        scattered.seek(first * image_size)
        while content := scattered.read(256 * image_size):
            yield np.frombuffer(content, np.uint8).reshape(-1, *_SHAPE)


def _members(path: Path, pattern: str) -> Iterator[tuple[re.Match[str], bytes]]:
    """Contents of the files of an archive whose whole names match, as they come."""
    with report_damage(path, _TITLE), tarfile.open(path, "r|gz") as archive:
        for member in archive:
            found = re.fullmatch(pattern, member.name.removeprefix("./"))
            if found and (file := archive.extractfile(member)) is not None:
                yield found, file.read()
