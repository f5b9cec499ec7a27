"""Shapes3D, from the user's copy of the published file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.files.array_files import open_hdf5
from vaescope.data.files.damage import report_damage
from vaescope.data.sources import factors_of, source_of

_AT_LEAST = 1024  # images in a piece, where chunks are lower


class Shapes3D(ConvertedDataset):
    """480,000 images of one object in a room, in colour, 64x64 pixels.

    Made of the published hdf5 file in ``data_dir/shapes3d``, ``data_dir/3dshapes`` or
    ``data_dir``; converted it takes 5.9 GB.

    Source: ``data_source``. Differs: none known.
    """

    data_source = source_of("shapes3d")
    factors = factors_of("shapes3d")
    image_shape = (3, 64, 64)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` from row ``start`` on, cut where the file's chunks end."""
        with report_damage(paths[0], self.title), open_hdf5(paths[0]) as file:
            images = file["images"]
            self._require_layout(images, np.asarray(file["labels"]))
            height = images.chunks[0] if images.chunks else _AT_LEAST
            step = height * -(-_AT_LEAST // height)
            first = start
            while first < self.num_images:
                end = min(first - first % step + step, self.num_images)
                yield np.asarray(images[first:end])
                first = end

    def _require_layout(self, images: Any, labels: np.ndarray) -> None:
        found, expected_shape = list(images.shape), list(self.stored_shape)
        if found != expected_shape:
            raise ValueError(f"images has shape {found}, expected {expected_shape}")
        ranks = [np.unique(column, return_inverse=True)[1] for column in labels.T]
        expected = self.factors.values(torch.arange(self.num_images)).numpy()
        if not np.array_equal(np.stack(ranks, axis=1), expected):
            raise ValueError("its labels are not all combinations of the factors in order")


Shapes3DDataModule = data_module_of(Shapes3D)
