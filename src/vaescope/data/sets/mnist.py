"""MNIST and Fashion-MNIST from the user's own copies of the published files; no known factors."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.files.idx_files import IdxFile, find_files
from vaescope.data.files.verification import FileCheck
from vaescope.data.sources import source_of
from vaescope.data.stored import StoredDataset

_SIDE = 28
_NUM_ROWS = {"train": 60_000, "t10k": 10_000}
_SHAPES = {
    f"{part}-{kind}-ubyte": (rows, *shape)
    for part, rows in _NUM_ROWS.items()
    for kind, shape in (("images-idx3", (_SIDE, _SIDE)), ("labels-idx1", ()))
}


def _files(title: str, md5: tuple[str, ...]) -> tuple[IdxFile, ...]:
    """Images and labels of the training part, then of the test part."""
    pairs = zip(_SHAPES.items(), md5, strict=True)
    return tuple(IdxFile(title, name, shape, digest) for (name, shape), digest in pairs)


@dataclass(eq=False, repr=False)
class _LabelledImages(StoredDataset):
    """Grey images with a class each, from four idx files: the training part, then the test part.

    Attributes:
        labels: class of every image, uint8 `[N]`; it is no factor, for it does not make an image.
        paths: the files that were read, in the order of ``files``.
        files: what is published, decompressed.
        installed: places where a package of the system puts the files.
        package: how else; empty or a whole clause.
    """

    factors = Factors((), (), ())
    image_shape = (1, _SIDE, _SIDE)
    files: ClassVar[tuple[IdxFile, ...]]
    installed: ClassVar[tuple[Path, ...]] = ()
    package: ClassVar[str] = ""

    data_dir: str | Path | None = None

    def load(self) -> None:
        """Read and check the four files."""
        places = [*self.data_source.places(self.data_dir), *self.installed]
        self.paths = find_files(self.files, places, self._advice(places[0]))
        arrays = [file.read(path) for file, path in zip(self.files, self.paths, strict=True)]
        images, labels = (torch.from_numpy(np.concatenate(arrays[k::2])) for k in (0, 1))
        first, none = self.paths[0], torch.zeros(len(images), 0, dtype=torch.int64)
        source = (
            f"published files {first.name} (md5 of its bytes {self.files[0].md5}) and "
            f"{len(self.paths) - 1} others in {first.parent}"
        )
        self._hold(images[..., None], source, none, labels)

    def __len__(self) -> int:
        return sum(file.shape[0] for file in self.files[0::2])

    def files_read(self) -> list[Path]:
        """The four files."""
        return self.paths

    def verify(self) -> Iterator[FileCheck]:
        """The four files; the checksums of their content are compared while they are read."""
        self.load()
        assert self.labels is not None
        verdict = "that of the published file"
        for file, path in zip(self.files, self.paths, strict=True):
            yield FileCheck(path, f"md5 of its bytes, decompressed, {file.md5}: {verdict}")
        classes = self.labels.bincount().tolist()
        yield FileCheck(self.paths[0].parent, f"{len(self)} images, of each class {classes}")

    def _advice(self, folder: Path) -> str:
        source = self.data_source
        address = source.files[0].addresses[0].removesuffix(source.files[0].name)
        data_dir, where = shlex.quote(str(folder.parent)), shlex.quote(str(folder))
        return (
            f"{self.package}fetch them by `vaescope data fetch data={source.option} "
            f"data_dir={data_dir}`, by `curl -O --create-dirs --output-dir {where} "
            f"'{address}{{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte.gz'`, or say "
            f"data_dir=FOLDER if they are in FOLDER/{folder.name}"
        )


class MNIST(_LabelledImages):
    """70,000 handwritten digits, grey, 28x28 pixels.

    The four published files, gzipped or not, are read from ``data_dir/mnist`` or
    ``data_dir/MNIST/raw`` and kept as bytes (55 MB).

    Source: ``data_source``. Differs: one set, split by the data module, as in the CVPR 2019
    paper; checked by the md5 of the decompressed bytes, which several public programs agree on
    (the publisher gives none).
    """

    data_source = source_of("mnist")

    files = _files(
        "MNIST",
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    )


class FashionMNIST(_LabelledImages):
    """70,000 images of clothes, shoes and bags, grey, 28x28 pixels.

    The four published files, gzipped or not, are read from ``data_dir/fashion-mnist``,
    ``data_dir/FashionMNIST/raw`` or the place of Debian's package ``dataset-fashion-mnist`` and
    kept as bytes (55 MB).

    Source: ``data_source``. Differs: one set, split by the data module, as in the CVPR 2019
    paper; checked by the md5 of the decompressed bytes, for Debian compresses them anew.
    """

    data_source = source_of("fashion_mnist")

    files = _files(
        "Fashion-MNIST",
        (
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    )
    installed = (Path("/usr/share/datasets/fashion-mnist"),)
    package = "on Debian `apt install dataset-fashion-mnist`; elsewhere "


MNISTDataModule = data_module_of(MNIST)
FashionMNISTDataModule = data_module_of(FashionMNIST)
