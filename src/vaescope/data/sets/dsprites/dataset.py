"""dSprites: rendered exactly, or from the user's own copy of the published file."""

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule, data_module_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.files.cache import data_folder
from vaescope.data.files.checksums import read_record
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.files.verification import FileCheck, check_cached
from vaescope.data.sets.dsprites import files, packing
from vaescope.data.sets.dsprites.renderer import FACTORS, RENDERER_VERSION, SIDE, DSpritesRenderer
from vaescope.data.smaller import Smaller, averaged
from vaescope.data.sources import source_of
from vaescope.errors import DataError
from vaescope.progress_bars import progress_bar

log = logging.getLogger(__name__)

# below this many images of a run packing all of them first costs more than it saves
_WORTH_PACKING = 200_000


@dataclass(eq=False, repr=False)
class DSprites(RenderedDataset):
    """737,280 binary images of a square, an ellipse or a heart, 64x64 pixels.

    If the published file (npz or hdf5, under its own name) lies in ``data_dir`` or
    ``data_dir/dsprites``, its images are used; else they are rendered, which differs from that
    file in about two pixels of the whole set.

    Args:
        cache: whether to keep all images bit-packed (377 MB) in ``data_dir``. True: build that
            file if it is missing. False: write nothing. None: use the file of the rendered set if
            it is there already, else render as needed; a published file is packed once (with
            False: in memory, at every start).
        side: of the images in pixels; below 64 they are means over squares of pixels.

    Source: ``data_source``. Differs: the one-valued factor colour is left out.
    """

    data_source = source_of("dsprites")

    factors = FACTORS
    image_shape = (1, SIDE, SIDE)

    data_dir: str | Path | None = None
    cache: bool | None = None
    side: Smaller = 64

    def prepare(self) -> None:
        """Check the options; the shape follows from them."""
        super().prepare()
        self.image_shape = (type(self).image_shape[0], self.side, self.side)

    def load(self) -> None:
        """Open the packed images, which may be made first, or the renderer."""
        folder = data_folder(self.data_dir)
        self._on_device: Tensor | None = None
        self._kept: MappedArray | np.ndarray | None
        file = files.find_file(folder)
        if file is None:
            self.source = f"rendered exactly (vaescope renderer {RENDERER_VERSION})"
            self._kept = _open_rendered(folder, self.cache)
        else:
            self._kept, checksum = _open_published(file, folder, self.cache)
            self.source = f"published file {file.name} (checksum {checksum})"
        self._renderer = DSpritesRenderer() if self._kept is None else None

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, C, side, side]` with factors `[B, 5]`, nuisance that of the row."""
        index = self.factors.index(values.to(self.device))
        return self.images_at(index, index)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, side, side]` in [0, 1] of the rows ``index`` `[B]`."""
        return averaged(self.sprites(index), self.side)

    def sprites(self, index: Tensor) -> Tensor:
        """Sprites float32 `[B, 1, 64, 64]` of 0 and 1 of the rows ``index`` `[B]`."""
        if self._renderer is not None:
            return self._renderer.render(self.values(index)).unsqueeze(1).float()
        if self._on_device is not None:
            bits = packing.unpack_bits(self._on_device[index])
        else:
            bits = torch.from_numpy(np.unpackbits(self._packed[index.numpy()], axis=1))
        return bits.view(-1, 1, SIDE, SIDE).float()

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return self._packed.nbytes if self._renderer is None else self._renderer.num_bytes

    def to(self, device: torch.device | str) -> Self:
        """Move the packed images, or the renderer's tables, to ``device``; returns the set."""
        self.device = torch.device(device)
        if self._renderer is not None:
            self._renderer.to(device)
        elif self.device.type == "cpu":
            self._on_device = None
        else:
            self._on_device = torch.tensor(self._packed, device=self.device)
        return self

    @property
    def _packed(self) -> np.ndarray:
        """All images bit-packed, uint8 `[737280, 512]`, where they are kept."""
        assert self._kept is not None
        return self._kept.array if isinstance(self._kept, MappedArray) else self._kept

    def verify(self) -> Iterator[FileCheck]:
        """Checks of the published file, pixel by pixel, and of what is packed."""
        folder = data_folder(self.data_dir)
        packed = [packing.rendered_path(folder)]
        file = files.find_file(folder)
        if file is not None:
            yield files.check(file)
            packed.append(packing.published_path(folder, files.checksum_of(file)))
        there = [path for path in packed if path.exists()]
        if file is None and not there:
            names = " and ".join(files.PUBLISHED)
            raise DataError(
                f"no dSprites file in {folder} or {folder / 'dsprites'}: looked for {names}; "
                "put one there or name its folder by data_dir="
            )
        yield from map(check_cached, there)

    def files_read(self) -> list[Path]:
        """The packed images, if they are a file."""
        return [self._kept.path] if isinstance(self._kept, MappedArray) else []

    def keep_rendered(self) -> str:
        """Pack all rendered images (377 MB) into ``data_dir``, and compare their checksum."""
        path = packing.rendered_path(data_folder(self.data_dir))
        if not path.exists():
            start = time.perf_counter()
            with progress_bar(files.NUM_IMAGES, "image") as bar:
                packing.build_packed(path, lambda done, total: bar.update(done - bar.n))
            log.info("rendered and packed in %.0f s", time.perf_counter() - start)
        digest = packing.packed_sha256(path)
        is_right = digest == packing.RENDERED_SHA256
        verdict = "as it should be" if is_right else "WRONG: delete the file"
        return f"{path}\n  sha256 of the packed images {digest}: {verdict}"


class PackingDataModule(FactorDataModule):
    """Batches of dSprites or a variant.

    ``cache=None`` means: packed if the run trains on more than 200,000 images, so that small runs
    write nothing.
    """

    def options(self) -> dict[str, Any]:
        """Options of the data set, with ``cache`` decided."""
        options = super().options()
        long = self.planned_images() > _WORTH_PACKING
        return options | {"cache": True} if long and options["cache"] is None else options

    def planned_images(self) -> float:
        """Number of images this run trains on, repetitions counted; 0 without a trainer."""
        trainer = self.trainer
        if trainer is None:
            return 0
        batch = self.whole_batch_size * max(1, len(self._member_seeds))
        if trainer.max_steps >= 0:
            return trainer.max_steps * batch * trainer.accumulate_grad_batches
        limit = trainer.limit_train_batches
        share = limit * (self.whole_batch_size if isinstance(limit, int) else files.NUM_IMAGES)
        epoch = share * max(1, len(self._member_seeds))
        return epoch * (math.inf if trainer.max_epochs in (None, -1) else trainer.max_epochs)


DSpritesDataModule = data_module_of(DSprites, PackingDataModule)


def _open_rendered(folder: Path, cache: bool | None) -> MappedArray | None:
    path = packing.rendered_path(folder)
    if cache is False or (cache is None and not path.exists()):
        return None
    if "blocks" not in read_record(path):
        log.info("rendering all %d images once into %s (377 MB)", files.NUM_IMAGES, path)
    return packing.open_packed(packing.build_packed(path))


def _open_published(
    file: Path, folder: Path, cache: bool | None
) -> tuple[MappedArray | np.ndarray, str]:
    if cache is False:
        return packing.pack_in_memory(files.read_images(file)), files.checksum_of(file)
    checksum = files.checksum_of(file, remember=True)
    path = packing.published_path(folder, checksum)
    packing.build_packed(path, pieces=lambda: files.read_images(file))
    return packing.open_packed(path), checksum
