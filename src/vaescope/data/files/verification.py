"""Verification of data files, as ``vaescope data verify`` prints it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaescope.data.files.checksums import require_undamaged
from vaescope.data.files.npy_cache import MappedArray, converted_fault
from vaescope.data.files.published import PublishedFile
from vaescope.errors import DataError


@dataclass(frozen=True)
class FileCheck:
    """One file or folder, read from its first to its last byte."""

    path: Path
    told: str  # what was looked at, and with which result
    fault: str = ""  # what is wrong and what to do; empty: nothing


def check_published(file: PublishedFile, path: Path) -> FileCheck:
    """A published file by the checksum that its authors gave."""
    digest = file.digest(path)
    fault = file.fault(path, digest)
    verdict = "that of the published file" if file.algorithm else "none was published"
    told = f"{file.algorithm or 'sha256'} {digest}: {'WRONG' if fault else verdict}"
    return FileCheck(path, told, fault and f"{path} {fault}; {file.advice}")


def check_converted(path: Path) -> FileCheck:
    """Converted images by the checksum that was recorded when they were written."""
    digest, fault = converted_fault(path)
    verdict = "WRONG" if fault else "as it was converted"
    told = f"sha256 of its images {digest}: {verdict}" if digest else verdict
    return FileCheck(path, told, fault)


def check_cached(path: Path) -> FileCheck:
    """A file that was written once by the checksums of all its blocks."""
    try:
        require_undamaged(path, whole=True)
    except DataError as error:
        return FileCheck(path, "WRONG", str(error))
    return FileCheck(path, "every block is as it was written")


def check_source(
    path: Path, mapped: MappedArray, pieces: Callable[[int], Iterator[np.ndarray]]
) -> FileCheck:
    """A user's own file or folder: ``pieces`` reads it anew, to compare it with what is used."""
    row, different = 0, 0
    try:
        for images in pieces(0):
            used = mapped.array[row : row + len(images)]
            different += int((images != used).reshape(len(images), -1).any(1).sum())
            row += len(images)
    except DataError as error:
        return FileCheck(path, f"WRONG behind image {row}", str(error))
    told = f"{row} images were read, {different} differ from those that are used"
    fault = f"{path}: {told}; delete {mapped.path} and run again" if different else ""
    return FileCheck(path, told, fault)
