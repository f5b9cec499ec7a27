"""The published dSprites files: find, check, read in pieces, compare with the renderer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vaescope.data.files.array_files import array_pieces, headers, open_hdf5, read_array
from vaescope.data.files.checksums import file_checksum
from vaescope.data.files.damage import report_damage
from vaescope.data.files.published import PublishedFile
from vaescope.data.files.verification import FileCheck
from vaescope.data.sets.dsprites.renderer import FACTORS, SIDE, DSpritesRenderer
from vaescope.data.sources import source_of
from vaescope.errors import DataError
from vaescope.progress_bars import progress_bar

STEM = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
_HDF5_SHA256 = "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb"
_ADVICE = (
    "compare its images with `vaescope data verify data=dsprites`, fetch it again, or move it away "
    "to have the images rendered"
)
# the npz first: it is read faster
PUBLISHED = {
    file.name: replace(file, advice=_ADVICE)
    for file in (
        *source_of("dsprites").files,
        PublishedFile(f"{STEM}.hdf5", "sha256", _HDF5_SHA256),
    )
}
NUM_IMAGES = FACTORS.num_combinations
_TITLE = "dSprites"
_OFFICIAL_DIFFERS = 2  # pixels of the published file from the renderer's
_CHUNK = 23_040  # images read at once, 94 MB: the height of a chunk in the hdf5 file

Progress = Callable[[int, int], None]


def find_file(data_dir: Path) -> Path | None:
    """The user's own dSprites file in ``data_dir`` or ``data_dir/dsprites``, if there is one."""
    places = [data_dir / sub / name for name in PUBLISHED for sub in (".", "dsprites")]
    return next((place for place in places if place.is_file()), None)


def checksum_of(path: Path, *, remember: bool = False) -> str:
    """Checksum, in hexadecimal, of a file that is named as published, known to be right."""
    return PUBLISHED[path.name].identify(path, remember=remember).partition(":")[2]


def read_images(path: Path) -> Iterator[np.ndarray]:
    """All images of an npz or hdf5 file in its order, in pieces uint8 `[b, 64, 64]` of 0 and 1."""
    with report_damage(path, _TITLE):
        found = headers(path, _TITLE)["imgs"]
        _require_layout(path, "imgs", found.shape, (NUM_IMAGES, SIDE, SIDE))
        if found.fortran or found.dtype != np.uint8:
            raise DataError(f"{path}: imgs has type {found.dtype}, expected uint8 in C order")
        is_hdf5 = path.suffix == ".hdf5"
        for images in _read_hdf5(path) if is_hdf5 else array_pieces(path, "imgs", 0, title=_TITLE):
            if images.max() > 1:
                raise DataError(
                    f"{path} holds the pixel value {images.max()}; dSprites has only 0 and 1: "
                    "fetch the file again"
                )
            yield images


def read_classes(path: Path) -> np.ndarray:
    """Factor values ``latents_classes``, int64 `[N, 6]`, colour first, of an npz or hdf5 file."""
    with report_damage(path, _TITLE):
        key = "latents/classes" if path.suffix == ".hdf5" else "latents_classes"
        classes = read_array(path, key, _TITLE)
        _require_layout(path, "latents_classes", classes.shape, (NUM_IMAGES, 6))
        return classes


@dataclass(frozen=True)
class Verification:
    """What the comparison of a dSprites file with the renderer found."""

    path: Path
    checksum: str
    checksum_known: bool  # it is the published file's
    images_compared: int
    images_different: int  # in at least one pixel
    pixels_different: int
    classes_agree: bool  # row n of ``latents_classes`` has the factors of row n


def verify(path: str | Path, progress: Progress | None = None) -> Verification:
    """Pixel by pixel comparison of a dSprites file, whatever its checksum, with the renderer.

    Args:
        path: an npz or hdf5 file.
        progress: called with (images compared, images in all).
    """
    path = Path(path)
    published = PUBLISHED[f"{STEM}.{'hdf5' if path.suffix == '.hdf5' else 'npz'}"]
    if not path.is_file():
        raise DataError(f"no file {path}; give the path of a dSprites npz or hdf5 file")
    index = torch.arange(NUM_IMAGES)
    classes_agree = bool((read_classes(path)[:, 1:] == FACTORS.values(index).numpy()).all())
    different = _count_different_pixels(path, progress)
    checksum = file_checksum(path, published.algorithm)
    return Verification(
        path=path,
        checksum=checksum,
        checksum_known=checksum == published.checksum,
        images_compared=len(different),
        images_different=int((different > 0).sum()),
        pixels_different=int(different.sum()),
        classes_agree=classes_agree,
    )


def check(file: Path) -> FileCheck:
    """A dSprites file, whatever its checksum, pixel by pixel."""
    with progress_bar(NUM_IMAGES, "image", title=f"comparing {file.name}") as bar:
        found = verify(file, lambda done, total: bar.update(done - bar.n))
    known = "" if found.checksum_known else "not "
    order = "agree" if found.classes_agree else "DIFFER"
    told = (
        f"checksum {found.checksum}: {known}that of the published file\n"
        f"  factors of the rows and the renderer's order {order}\n"
        f"  {found.images_compared} images compared, {found.images_different} differ, "
        f"in {found.pixels_different} of {found.images_compared * SIDE**2} pixels"
    )
    sound = found.classes_agree and found.pixels_different <= _OFFICIAL_DIFFERS
    fault = f"{file} does not hold the images of dSprites; delete it and fetch it again"
    return FileCheck(file, told, "" if sound else fault)


def _count_different_pixels(path: Path, progress: Progress | None) -> np.ndarray:
    renderer, counts, done = DSpritesRenderer(), [], 0
    for images in read_images(path):
        for part in np.array_split(images, max(1, len(images) // 2048)):
            rendered = renderer.render(FACTORS.values(torch.arange(done, done + len(part))))
            counts.append((rendered.numpy() != part).sum((1, 2)))
            done += len(part)
        if progress is not None:
            progress(done, NUM_IMAGES)
    return np.concatenate(counts)


def _read_hdf5(path: Path) -> Iterator[np.ndarray]:
    with open_hdf5(path) as file:
        for start in range(0, NUM_IMAGES, _CHUNK):
            yield np.asarray(file["imgs"][start : start + _CHUNK])


def _require_layout(path: Path, array: str, found: tuple, expected: tuple) -> None:
    if tuple(found) != expected:
        raise DataError(
            f"{path}: {array} has shape {list(found)}, expected {list(expected)}; this is not "
            "dSprites: fetch the published file again"
        )
