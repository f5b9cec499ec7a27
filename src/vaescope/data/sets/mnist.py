"""MNIST and Fashion-MNIST from the user's own copies of the published files; no known factors."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.files.cache import data_folder
from vaescope.data.files.idx_files import IdxFile, find_files
from vaescope.data.files.published import PublishedFile
from vaescope.data.files.verification import FileCheck

_SIDE = 28
_NUM_TRAIN, _NUM_TEST = 60_000, 10_000


def _files(title: str, images: tuple[str, str], labels: tuple[str, str]) -> tuple[IdxFile, ...]:
    """Images and labels of the training part, then of the test part; md5 of (train, test)."""
    parts = (("train", _NUM_TRAIN), ("t10k", _NUM_TEST))
    return tuple(
        file
        for (part, n), of_images, of_labels in zip(parts, images, labels, strict=True)
        for file in (
            IdxFile(title, f"{part}-images-idx3-ubyte", (n, _SIDE, _SIDE), of_images),
            IdxFile(title, f"{part}-labels-idx1-ubyte", (n,), of_labels),
        )
    )


def _zipped(
    files: Sequence[IdxFile], addresses: Sequence[str], md5: Sequence[str], sizes: Sequence[int]
) -> tuple[PublishedFile, ...]:
    """The files as they are published: each compressed, with the md5 of that and its size."""
    names = [f"{file.name}.gz" for file in files]
    return tuple(
        PublishedFile(name, "md5", of_file, size, tuple(f"{folder}{name}" for folder in addresses))
        for name, of_file, size in zip(names, md5, sizes, strict=True)
    )


@dataclass(eq=False, repr=False)
class _LabelledImages(FactorDataset):
    """Grey images with a class each, from four idx files: the training part, then the test part.

    Attributes:
        labels: class of every image, uint8 `[N]`; it is no factor, for it does not make an image.
        paths: the files that were read, in the order of ``files``.
        files: what is published, decompressed.
        title: the data set's name, for people.
        name: its option of the group ``data``.
        published: the files as they can be fetched.
        needs_files: whether there are no images without them.
        folder: place below ``data_dir`` where they are fetched to.
        folders: places below ``data_dir`` where they are looked for: ours, then torchvision's.
        installed: places where a package of the system puts the files.
        address: where they can be had.
        package: how else; empty or a whole clause.
    """

    factors = Factors((), (), ())
    image_shape = (1, _SIDE, _SIDE)
    files: ClassVar[tuple[IdxFile, ...]]
    title: ClassVar[str]
    name: ClassVar[str]
    published: ClassVar[tuple[PublishedFile, ...]]
    needs_files: ClassVar[bool] = True
    folder: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    installed: ClassVar[tuple[Path, ...]] = ()
    address: ClassVar[str]
    package: ClassVar[str] = ""

    data_dir: str | Path | None = None

    def load(self) -> None:
        """Read and check the four files."""
        folder = data_folder(self.data_dir)
        places = [*(folder / name for name in self.folders), *self.installed]
        self.paths = find_files(self.files, places, self._advice(places[0]))
        arrays = [file.read(path) for file, path in zip(self.files, self.paths, strict=True)]
        self._images = torch.from_numpy(np.concatenate(arrays[0::2]))
        self.labels = torch.from_numpy(np.concatenate(arrays[1::2]))
        first = self.paths[0]
        self.source = (
            f"published files {first.name} (md5 of its bytes {self.files[0].md5}) and "
            f"{len(self.paths) - 1} others in {first.parent}"
        )

    def __len__(self) -> int:
        return sum(file.shape[0] for file in self.files[0::2])

    def values(self, index: Tensor) -> Tensor:
        """No factor values, int64 `[B, 0]`, of the rows ``index`` `[B]`."""
        return torch.zeros(len(index), 0, dtype=torch.int64, device=self.device)

    def images(self, values: Tensor) -> Tensor:
        """Refused: images without factors are found by their rows only.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"{self.files[0].title} has no factors that an image could be made of; ask "
            "batch(index) for the images of rows"
        )

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, 28, 28]` in [0, 1] of the rows ``index`` `[B]`."""
        return self._images[index].unsqueeze(1).float() / 255

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
        data_dir, where = shlex.quote(str(folder.parent)), shlex.quote(str(folder))
        return (
            f"{self.package}fetch them by `vaescope data fetch data={self.name} "
            f"data_dir={data_dir}`, by `curl -O --create-dirs --output-dir {where} "
            f"'{self.address}{{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte.gz'`, or say "
            f"data_dir=FOLDER if they are in FOLDER/{folder.name}"
        )


class MNIST(_LabelledImages):
    """70,000 handwritten digits, grey, 28x28 pixels.

    The four published files, gzipped or not, are read from ``data_dir/mnist`` or
    ``data_dir/MNIST/raw`` and kept as bytes (55 MB).

    Args:
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    Raises:
        DataError: a file is missing, damaged or not the published one.

    Source: LeCun, Bottou, Bengio and Haffner 1998, http://yann.lecun.com/exdb/mnist/. Differs: one
    set, split by the data module, as in the CVPR 2019 paper; checked by the md5 of the
    decompressed bytes, which several public programs agree on (the publisher gives none).
    """

    files = _files(
        "MNIST",
        images=("6bbc9ace898e44ae57da46a324031adb", "2646ac647ad5339dbf082846283269ea"),
        labels=("a25bea736e30d166cdddb491f175f624", "27ae3e4e09519cfbb04c329615203637"),
    )
    title, name = "MNIST", "mnist"
    folder = "mnist"
    folders = (folder, "MNIST/raw")
    address = "https://storage.googleapis.com/cvdf-datasets/mnist/"
    published = _zipped(
        files,
        addresses=(address, "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        md5=(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        sizes=(9_912_422, 28_881, 1_648_877, 4_542),
    )


class FashionMNIST(_LabelledImages):
    """70,000 pictures of clothes, shoes and bags, grey, 28x28 pixels.

    The four published files, gzipped or not, are read from ``data_dir/fashion-mnist``,
    ``data_dir/FashionMNIST/raw`` or the place of Debian's package ``dataset-fashion-mnist`` and
    kept as bytes (55 MB).

    Args:
        data_dir: folder of data files; None: ``$VAESCOPE_DATA_DIR`` or the user's cache folder.

    Raises:
        DataError: a file is missing, damaged or not the published one.

    Source: Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747,
    https://github.com/zalandoresearch/fashion-mnist. Differs: one set, split by the data module,
    as in the CVPR 2019 paper; checked by the md5 of the decompressed bytes, for Debian compresses
    them anew.
    """

    files = _files(
        "Fashion-MNIST",
        images=("f4a8712d7a061bf5bd6d2ca38dc4d50a", "8181f5470baa50b63fa0f6fddb340f0a"),
        labels=("9018921c3c673c538a1fc5bad174d6f9", "15d484375f8d13e6eb1aabb0c3f46965"),
    )
    title, name = "Fashion-MNIST", "fashion_mnist"
    folder = "fashion-mnist"
    folders = (folder, "FashionMNIST/raw")
    installed = (Path("/usr/share/datasets/fashion-mnist"),)
    address = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    published = _zipped(
        files,
        addresses=(address,),
        md5=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        sizes=(26_421_880, 29_515, 4_422_102, 5_148),
    )
    package = "on Debian `apt install dataset-fashion-mnist`; elsewhere "


class MNISTDataModule(FactorDataModule):
    """Batches of ``MNIST``."""

    dataset_class = MNIST


class FashionMNISTDataModule(FactorDataModule):
    """Batches of ``FashionMNIST``."""

    dataset_class = FashionMNIST
