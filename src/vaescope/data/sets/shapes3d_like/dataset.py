"""A set like Shapes3D that needs no file: the published pictures' room, rendered here."""

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors
from vaescope.data.files.cache import data_folder, write_once
from vaescope.data.files.checksums import require_undamaged
from vaescope.data.files.npy_cache import MappedArray
from vaescope.data.files.verification import FileCheck, check_cached
from vaescope.data.sets.shapes3d_like.scene import (
    NUM_MAPS,
    ORIENTATIONS,
    SCALES,
    SHAPES,
    SIDE,
    geometry_maps,
)
from vaescope.data.smaller import Smaller, averaged
from vaescope.data.sources import source_of
from vaescope.ranges import Probability

RENDERER_VERSION = 2  # raised with every change of the maps
_HUES = 10
_IN_CACHE = 16  # images whose maps a processor's cache holds while they are mixed


@dataclass(eq=False, repr=False)
class Shapes3DLike(RenderedDataset):
    """480,000 images of a coloured object in a coloured room, 3x64x64 pixels, rendered by vaescope.

    An image is a composite of the maps of its geometry (scale, shape, orientation) with the colours
    of floor, wall and object. It looks like Shapes3D and is not Shapes3D: results are its own.

    Args:
        cache: keep the maps (24 MB) in ``data_dir``; False: cast all rays at every start.
        side: of the images in pixels; below 64 they are means over squares of pixels.
        texture: contrast, in [0, 1], of checks on floor, walls and object; 0: none, as in the
            published set's likeness. The checks belong to the room and the object, so they move
            with the orientation, and on the object grow with its scale.

    Source: ``data_source``. Differs: rays are cast into a scene whose lengths and lights were
    fitted to 53 published pictures, mean absolute error 0.014; faint textures of these are left
    out, and curved bodies have no facets.
    """

    data_source = source_of("shapes3d_like")

    factors = Factors(
        names=("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"),
        sizes=(_HUES, _HUES, _HUES, SCALES, SHAPES, ORIENTATIONS),
        kinds=("circular", "circular", "circular", "ordinal", "categorical", "ordinal"),
    )
    image_shape = (3, SIDE, SIDE)
    source = f"rendered, not Shapes3D (vaescope shapes3d_like {RENDERER_VERSION})"

    data_dir: str | Path | None = None
    cache: bool = True
    side: Smaller = 64
    texture: Probability = 0.0

    def prepare(self) -> None:
        """Check the options; the shape follows from them."""
        super().prepare()
        self.image_shape = (3, self.side, self.side)
        if self.texture:
            self.source = f"{self.source[:-1]}, texture {self.texture:g})"

    def load(self) -> None:
        """Read the maps, or cast all rays."""
        if self.cache:
            path = write_once(self._path(), partial(_write, self.texture))
            shape = (SCALES * SHAPES * ORIENTATIONS, NUM_MAPS * SIDE * SIDE)
            self._maps = MappedArray(path, shape, require_undamaged, dtype="float16").read("cpu")
        else:
            self._maps = geometry_maps(self.texture).flatten(1)
        self._colours = torch.tensor(
            [colorsys.hsv_to_rgb(hue / _HUES, 1, 1) for hue in range(_HUES)]
        )

    def verify(self) -> Iterator[FileCheck]:
        """The kept maps, if they are."""
        path = self._path()
        if path.exists():
            yield check_cached(path)

    def _path(self) -> Path:
        return maps_path(data_folder(self.data_dir), self.texture)

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, side, side]` in [0, 1] of factor values `[B, 6]`."""
        values = values.to(self.device)
        scale, shape, orientation = values[:, 3], values[:, 4], values[:, 5]
        geometry = (scale * SHAPES + shape) * ORIENTATIONS + orientation
        colours = self._colours[values[:, :3]].transpose(1, 2)  # [B, rgb, floor wall object]
        image = torch.empty(len(values), 3, SIDE * SIDE, device=self.device)
        size = _IN_CACHE if self.device.type == "cpu" else max(1, len(values))
        pieces = (tensor.split(size) for tensor in (geometry, colours, image))
        for chosen, mixed, out in zip(*pieces, strict=True):
            maps = self._maps.index_select(0, chosen).float()
            weights, constant = maps.view(-1, 2, 3, SIDE * SIDE).unbind(1)
            torch.baddbmm(constant, mixed, weights, out=out).clamp_(0, 1)
        return averaged(image.view(-1, 3, SIDE, SIDE), self.side)


Shapes3DLikeDataModule = data_module_of(Shapes3DLike)


def maps_path(folder: Path, texture: float = 0.0) -> Path:
    """Where the maps are kept in a folder of data files."""
    textured = f"-texture{texture:g}" if texture else ""
    return folder / f"shapes3d_like-v{RENDERER_VERSION}{textured}.npy"


def _write(texture: float, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, geometry_maps(texture).flatten(1).numpy())
