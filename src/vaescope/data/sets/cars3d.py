"""Cars3D, from the user's copy of the published archive."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from vaescope.data.converted import ConvertedDataset
from vaescope.data.datamodule import data_module_of
from vaescope.data.files.damage import report_damage
from vaescope.data.files.image_files import resize_images
from vaescope.data.sources import factors_of, source_of
from vaescope.errors import DataError

_SIDE = 128  # of the published images
_LIST = "list.txt"
_INSIDE = ("data/cars", "cars", ".")  # where an unpacked archive has the cars


@dataclass(eq=False, repr=False)
class Cars3D(ConvertedDataset):
    """17,568 views of 183 cars, in colour, 64x64 or 128x128 pixels.

    Made of the published archive in ``data_dir/cars3d``, ``data_dir/cars`` or ``data_dir``, or of
    what was unpacked there; converted it takes 216 MB or, in the published size, 864 MB, and as
    much memory once. The numbers of the cars are their places in the archive's own list.

    Args:
        side: of the images in pixels, 64 or 128 as published.
        resize: how images of 64 pixels are made: ``lanczos``, as disentanglement_lib does it, or
            ``bilinear``, as disent does; both low-pass.

    Source: ``data_source``. Differs: none known; disentanglement_lib numbers the cars as its
    file system lists them.
    """

    data_source = source_of("cars3d")
    factors = factors_of("cars3d")

    side: Literal[64, 128] = 64
    resize: Literal["lanczos", "bilinear"] = "lanczos"

    def prepare(self) -> None:
        """Check the options; the shape follows from them."""
        super().prepare()
        self.image_shape = (3, self.side, self.side)

    @property
    def stem(self) -> str:
        """Name of the converted file, with size and way of resizing."""
        return f"cars3d-{self.side}" + f"-{self.resize}" * (self.side != _SIDE)

    def find(self, places: list[Path]) -> list[Path] | None:
        """The archive; else list and files of an unpacked one; None: there is neither."""
        return super().find(places) or _find_unpacked(places)

    def pieces(self, paths: list[Path], start: int) -> Iterator[np.ndarray]:
        """Images uint8 `[b, side, side, 3]` in the order of the rows, from row ``start`` on.

        All are read first: a file has all views of one car, and rows have the car fastest.
        """
        views, order = self._read(paths)
        cars = len(order)
        for view, images in enumerate(views):
            wanted = order[max(0, start - view * cars) :]
            if len(wanted):
                yield images[wanted]

    def _read(self, paths: list[Path]) -> tuple[np.ndarray, list[int]]:
        """All views, uint8 `[views, cars, H, W, 3]`, elevation first, and the order of the cars."""
        elevations, azimuths, cars = self.factors.sizes
        views = np.empty((elevations * azimuths, cars, self.side, self.side, 3), np.uint8)
        names: list[str] = []
        listed: list[str] = []
        for path, name, content in _contents(paths, self.title):
            if name == _LIST:
                listed = content.decode("utf-8", "replace").split()
            elif len(names) < cars:
                views[:, len(names)] = self._views(path, name, content)
                names.append(name.removesuffix(".mat"))
        if sorted(listed) != sorted(names) or len(names) != cars:
            raise DataError(
                f"{paths[0]}: {_LIST} names {len(listed)} cars and {len(names)} of them were read, "
                f"expected {cars}; fetch {self.title} again"
            )
        return views, [names.index(name) for name in listed]

    def _views(self, path: Path, name: str, content: bytes) -> np.ndarray:
        """Images uint8 `[elevation * azimuth, side, side, 3]` of one car."""
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        elevations, azimuths, _ = self.factors.sizes
        shape = (_SIDE, _SIDE, 3, azimuths, elevations)
        with report_damage(path, self.title, MatReadError, TypeError, NotImplementedError):
            images = loadmat(io.BytesIO(content), variable_names=["im"])["im"]
            if images.shape != shape or images.dtype != np.uint8:
                found = f"{images.dtype} {list(images.shape)}"
                raise ValueError(f"im in {name} is {found}, expected uint8 {list(shape)}")
        flat = np.ascontiguousarray(images.transpose(4, 3, 0, 1, 2)).reshape(-1, _SIDE, _SIDE, 3)
        return resize_images(flat, self.side, self.resize)


Cars3DDataModule = data_module_of(Cars3D)


def _find_unpacked(places: list[Path]) -> list[Path] | None:
    folders = [place / inside for place in places for inside in _INSIDE]
    folder = next((folder for folder in folders if (folder / _LIST).is_file()), None)
    if folder is None:
        return None
    listed = (folder / _LIST).read_text(encoding="utf-8", errors="replace").split()
    paths = [folder / f"{name}.mat" for name in listed]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise DataError(
            f"{folder / _LIST} names {len(listed)} cars, but {len(missing)} of them are not beside "
            f"it, such as {missing[0]}; unpack the archive again"
        )
    return [folder / _LIST, *paths]


def _contents(paths: list[Path], title: str) -> Iterator[tuple[Path, str, bytes]]:
    """File that was read, name and content of the list and of every car, in any order."""
    if len(paths) > 1:
        for path in paths:
            with report_damage(path, title):
                content = path.read_bytes()
            yield path, path.name, content
        return
    # as a stream: going back in a compressed archive means reading it from its beginning
    with report_damage(paths[0], title), tarfile.open(paths[0], "r|gz") as archive:
        for member in archive:
            place = PurePosixPath(member.name)
            wanted = place.suffix == ".mat" or place.name == _LIST
            file = archive.extractfile(member) if member.isfile() and wanted else None
            if file and place.parent.name == "cars" and not place.name.startswith("."):
                yield paths[0], place.name, file.read()
