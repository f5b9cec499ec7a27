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
from vaescope.data.files.image_files import Decoder
from vaescope.data.files.parquet_files import parquet_columns, parquet_images
from vaescope.data.sources import factors_of, source_of
from vaescope.errors import DataError

_AT_LEAST = 1024  # images in a piece, where chunks are lower


class Shapes3D(ConvertedDataset):
    """480,000 images of one object in a room, in colour, 64x64 pixels.

    Made of the published hdf5 file in ``data_dir/shapes3d``, ``data_dir/3dshapes`` or
    ``data_dir``, or of parquet files in the first two, with a column ``image`` of encoded images
    and one for each factor, in the published order; converted it takes 5.9 GB.

    Source: ``data_source``. Differs: none known.
    """

    data_source = source_of("shapes3d")
    factors = factors_of("shapes3d")
    image_shape = (3, 64, 64)

    def find(self, places: list[Path]) -> list[Path] | None:
        """The published file, or else all parquet files of the first place that has any."""
        found = super().find(places)
        own = [sorted(place.glob("*.parquet")) for place in places[:-1]]
        return found or next((paths for paths in own if paths), None)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, 64, 64, 3]` from row ``start`` on, cut where the file's chunks end."""
        if paths[0].suffix == ".parquet":
            labels = parquet_columns(paths, self.factors.names, self.title)
            if len(labels) != self.num_images:
                raise DataError(
                    f"{paths[0].parent} has {len(labels):,} rows of parquet, but "
                    f"{self.num_images:,} are published: put all files there, and no others"
                )
            with report_damage(paths[0], self.title):
                self._require_order(labels)
            decoder = Decoder(None, expected=self.image_shape[1:])
            yield from parquet_images(paths, "image", decoder, start, self.title)
            return
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
        self._require_order(labels)

    def _require_order(self, labels: np.ndarray) -> None:
        ranks = [np.unique(column, return_inverse=True)[1] for column in labels.T]
        expected = self.factors.values(torch.arange(self.num_images)).numpy()
        if not np.array_equal(np.stack(ranks, axis=1), expected):
            raise ValueError("its labels are not all combinations of the factors in order")


Shapes3DDataModule = data_module_of(Shapes3D)
