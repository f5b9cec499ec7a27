"""Falcor3D and Isaac3D from the user's own copies: folders of rendered images with labels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import Decoder, read_pieces
from vaescope.data.files.published import find_together
from vaescope.data.sources import factors_of, source_of
from vaescope.errors import DataError

_SIDE = 128


class _RenderedFolder(ConvertedDataset):
    """Every combination of the factors once, as ``images/000000.png``, ... and a table of levels.

    The published file is an npy file: levels of the factors `[N, K]`, row n those of image n.
    """

    image_shape = (3, 64, 64)

    def find(self, places: list[Path]) -> list[Path] | None:
        """Paths of the labels and of the folder beside them in the first place that has them."""
        labels = find_together(self.data_source.files, places)
        return labels and [*labels, labels[0].with_name("images")]

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` of the combinations in order, from row ``start`` on."""
        labels, folder = paths
        numbers = self._file_numbers(labels)
        found = sum(file.suffix == ".png" for file in folder.glob("[!.]*"))
        if found != self.num_images:
            raise DataError(
                f"{folder} holds {found:,} png files, expected {self.num_images:,}; extract the "
                "archive again"
            )
        decoder = Decoder(size=64, expected=(_SIDE, _SIDE), filter="bicubic")
        files = (folder / f"{number:06d}.png" for number in numbers[start:].tolist())
        yield from read_pieces(decoder.read, files)

    def _file_numbers(self, path: Path) -> np.ndarray:
        """The image's number for each combination in order, int64 `[N]`."""
        with report_damage(path, self.title):
            labels = np.load(path, allow_pickle=False)
        expected = (self.num_images, len(self.factors))
        if labels.shape != expected:
            raise DataError(
                f"{path} holds labels {list(labels.shape)}, expected {list(expected)}; extract the "
                f"archive of {self.title} again"
            )
        values = np.empty(expected, np.int64)
        for k, (name, size) in enumerate(zip(self.factors.names, self.factors.sizes, strict=True)):
            levels, values[:, k] = np.unique(labels[:, k], return_inverse=True)
            if len(levels) != size:
                raise DataError(
                    f"{path} has {len(levels)} levels of {name} (column {k}), expected {size}; "
                    f"extract the archive of {self.title} again"
                )
        combination = self.factors.index(torch.from_numpy(values)).numpy()
        order = np.argsort(combination, kind="stable")
        if not np.array_equal(combination[order], np.arange(self.num_images)):
            raise DataError(
                f"{path} does not have every combination of the factors once; extract the archive "
                f"of {self.title} again"
            )
        return order


class Falcor3D(_RenderedFolder):
    """233,280 rendered images of a living room, 64x64 pixels: lighting and camera vary.

    Read from ``data_dir/Falcor3D_down128`` or ``data_dir/falcor3d/Falcor3D_down128``, as the
    archive of 128x128 pixels has it: ``train-rec.labels`` and ``images``. 2.9 GB are written.

    Source: ``data_source``. Differs: resized from the 128x128 pixels to 64x64 by an antialiased
    bicubic filter; no checksum is published.
    """

    data_source = source_of("falcor3d")
    factors = factors_of("falcor3d")


class Isaac3D(_RenderedFolder):
    """737,280 rendered images of a kitchen with a robot arm, 64x64 pixels.

    Read from ``data_dir/Isaac3D_down128`` or ``data_dir/isaac3d/Isaac3D_down128``, as the archive
    of 128x128 pixels has it: ``labels.npy`` and ``images``. 9.1 GB are written.

    Source: ``data_source``. Differs: resized from the 128x128 pixels to 64x64 by an antialiased
    bicubic filter; no checksum is published; the factors' order is that of the publisher's
    program, whose description names another one that their numbers of levels contradict.
    """

    data_source = source_of("isaac3d")
    factors = factors_of("isaac3d")


Falcor3DDataModule = data_module_of(Falcor3D)
Isaac3DDataModule = data_module_of(Isaac3D)
