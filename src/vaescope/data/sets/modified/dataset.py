"""Modified sets: another data set plus a small additive image, read from a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.files.verification import FileCheck
from vaescope.data.sets.modified.additive import AdditiveDataModule, AdditiveDataset, reach
from vaescope.data.sets.modified.folders import (
    LEVELS,
    ModifiedFolder,
    as_int8,
    read_modified,
)
from vaescope.data.sets.modified.originals import original_named, require_images, require_options
from vaescope.data.sources import source_of
from vaescope.ranges import Seed
from vaescope.streams import stream


class Modified(AdditiveDataset):
    """Another data set plus a stored image for each row, at most epsilon in every pixel.

    Args:
        original: the data set that the images were made for.
        folder: what ``write_modified`` wrote.
        shuffle_seed: deals the stored images to other rows, by a random permutation: the same
            images, but no relation to the factors; None: each row has its own.

    Raises:
        DataError: the original's images are others, or the stored ones are damaged.

    Source: ``data_source``. Differs: images are stored in steps of epsilon / 127.
    """

    data_source = source_of("modified")

    def __init__(
        self, original: FactorDataset, folder: ModifiedFolder, shuffle_seed: int | None = None
    ) -> None:
        require_images(folder.original, original, str(folder.path))
        super().__init__(original, folder.about["clip"])
        self.facts, self.epsilon = folder.about["facts"], folder.about["epsilon"]
        self._mapped = folder.change()
        self._change: Tensor | None = None
        self._order: Tensor | None = None
        dealt = ""
        if shuffle_seed is not None:
            order = stream(shuffle_seed, "modified/shuffle").permutation(len(original))
            self._order = torch.from_numpy(order)
            dealt = f", dealt to other rows (seed {shuffle_seed})"
        self.source = (
            f"{original.source}, plus the images of {folder.path.name}, at most {self.epsilon:g} "
            f"in a pixel (sha256 {folder.about['checksum'][:16]}){dealt}"
        )

    def change_at(self, index: Tensor) -> Tensor:
        """Stored images float32 `[B, *image_shape]` of the rows ``index`` `[B]`."""
        if self._order is not None:
            index = self._order[index]
        stored = self._mapped.take(index) if self._change is None else self._change[index]
        return as_int8(stored).float().mul_(reach(self.epsilon) / LEVELS)

    def files_read(self) -> list[Path]:
        """The file of the stored images, and the original's."""
        return [self._mapped.path, *super().files_read()]

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return super().num_bytes + (self._mapped.nbytes if self._change is None else 0)

    def to(self, device: torch.device | str) -> Self:
        """Move everything to ``device``; back on the CPU the stored images are mapped."""
        on_cpu = torch.device(device).type == "cpu"
        self._change = None if on_cpu else self._mapped.read(device)
        return super().to(device)


@dataclass(kw_only=True, eq=False, repr=False)
class ModifiedDataModule(AdditiveDataModule):
    """Batches of a modified set.

    Args:
        path: the folder that ``write_modified`` wrote; needed.
        shuffle_seed: deals the stored images to other rows, by a random permutation: the same
            images, but no relation to the factors; None: each row has its own.

    The other arguments are those of ``AdditiveDataModule``; without ``original`` it is the one that
    the folder names.

    Raises:
        ConfigError: a setting cannot work.
    """

    dataset_class = Modified

    path: str | Path | None = None
    shuffle_seed: Seed | None = None

    def build(self) -> Modified:
        """The data set; files are read here and not before."""
        return Modified(self.build_original(), self._folder, self.shuffle_seed)

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the stored images, and of the original's files."""
        yield self._folder.check()
        yield from self.original_module.verify()

    def _found_original(self) -> FactorDataModule:
        folder = self._folder
        if self.original is None:
            return original_named(folder.original)
        require_options(folder.original, self.original, str(folder.path))
        return self.original

    @cached_property
    def _folder(self) -> ModifiedFolder:
        return read_modified(self.path)
