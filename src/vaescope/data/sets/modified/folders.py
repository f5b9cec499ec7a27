"""Folders of modified sets: the changes of all images, and what they were made for and from."""

import contextlib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.files.cache import writing
from vaescope.data.files.checksums import read_record
from vaescope.data.files.npy_cache import MappedArray, convert, require_converted
from vaescope.data.files.verification import FileCheck, check_converted
from vaescope.data.sets.modified.additive import stays_in_range
from vaescope.data.sets.modified.entries import KINDS, unfit_entries
from vaescope.data.sets.modified.originals import identity_of
from vaescope.errors import ConfigError, DataError
from vaescope.files import read_json, write_json
from vaescope.ranges import Count, Epsilon, in_range

CHANGE = "change.npy"  # LEVELS * m of all rows, m in [-1, 1], as the bytes of int8
ABOUT = "modified.json"
LEVELS = 127
_VERSION = 2
_SAMPLED = 16  # rows by which an interrupted writing is known again

Change = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ModifiedFolder:
    """What the folder of a modified set says of itself; the changes are read by ``change``.

    Args:
        path: the folder.
        about: content of its ``modified.json``, whole and as it was written.
    """

    path: Path
    about: Mapping[str, Any]

    @property
    def original(self) -> Mapping[str, Any]:
        """Identity of the original, see ``identity_of``."""
        return self.about["original"]

    def change(self) -> MappedArray:
        """The changes, memory-mapped.

        Raises:
            DataError: their file is missing, damaged, or that of another folder.
        """
        file = self.path / CHANGE
        try:
            array = MappedArray(file, _shape(self.original), require_converted)
        except DataError as error:
            raise DataError(self._spoilt(str(error))) from error
        if read_record(file).get("modification") != self.about["checksum"]:
            raise DataError(self._spoilt(f"{file} belongs to another {ABOUT}"))
        return array

    def check(self) -> FileCheck:
        """The changes, read from the first byte to the last."""
        found = check_converted(self.path / CHANGE)
        return replace(found, fault=found.fault and self._spoilt(found.fault))

    def _spoilt(self, reason: str) -> str:
        """What is wrong with one file, and what to do, which is for the whole folder."""
        reason = reason.removesuffix("; delete it and run again")
        return f"{reason}; copy {self.path} again as a whole, or delete it and write it anew"


@in_range
def write_modified(
    folder: str | Path,
    original: FactorDataModule,
    change_of: Change,
    epsilon: Epsilon,
    facts: Mapping[str, Any],
    *,
    clip: bool | None = None,
    batch_size: Count = 256,
) -> Path:
    """Write x' = x + epsilon m for all rows of a data set, which ``data=modified`` trains on.

    The folder appears whole or not at all: m is written in steps of 1/127 to ``.NAME.part``
    beside it (one byte for each number: 3 GB for dSprites, 5.9 GB for Shapes3D), read back,
    and renamed. After a kill the same call goes on where it was; after an error nothing is left.
    Where the folder holds the same modification already nothing is done.

    Args:
        folder: to be made.
        original: data module of one of our own data sets, with its options. It is stored by name
            and options; where files lie (``data_dir``, ``cache``) is not.
        change_of: m: factor values `[B, K]` and rows int64 `[B]`, both on the CPU, -> numbers in
            [-1, 1] `[B, *image_shape]` on any device. It has to give the same at every call.
        epsilon: largest change of a pixel, in (0, 1].
        facts: what the modification is and how it was made, as JSON can hold it.
        clip: keep x' in [0, 1]; None: of images yes, of vectors no, see ``stays_in_range``.
        batch_size: rows that ``change_of`` is given at once.

    Returns:
        The folder.

    Raises:
        ConfigError: the folder holds something else, the original has no name that finds it
            again, or ``facts`` are no JSON.
        DataError: the disk is full, or ``change_of`` gives other numbers or shapes.
    """
    folder = Path(folder).expanduser()
    original.setup()
    dataset = original.dataset
    pieces = partial(_pieces, dataset, change_of, batch_size)
    about: dict[str, Any] = {
        "version": _VERSION,
        "original": identity_of(original, dataset),
        "epsilon": float(epsilon),
        "clip": stays_in_range(dataset.image_shape) if clip is None else clip,
        "facts": _checked_facts(facts),
    }
    about["checksum"] = _checksum(about)
    rows = torch.linspace(0, len(dataset) - 1, min(_SAMPLED, len(dataset))).long()
    sample = _change(dataset, change_of, rows)
    digest = hashlib.sha256(sample.tobytes()).hexdigest()
    recorded = {"modification": about["checksum"], "sample": digest}
    part = folder.with_name(f".{folder.name}.part")
    with _one_writer(part, math.prod(_shape(about["original"]))):
        if _holds(folder, about, rows, sample):
            return folder
        try:
            part.mkdir(exist_ok=True)
            convert(part / CHANGE, _shape(about["original"]), pieces, recorded)
            write_json(part / ABOUT, about)
            (part / f"{CHANGE}.lock").unlink(missing_ok=True)
            os.replace(part, folder)
        except Exception:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return folder


def read_modified(path: str | Path | None) -> ModifiedFolder:
    """What the folder of a modified set says of itself.

    Raises:
        ConfigError: no folder was given, or it holds something else.
        DataError: what it says is damaged, or of another version.
    """
    if path is None:
        raise ConfigError("data.path: no folder was given; say data.path=FOLDER")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ConfigError(f"data.path={folder} {what}; give the folder of a modified set")
    file = folder / ABOUT
    if not file.is_file():
        inside = sorted(found.parent for found in folder.glob(f"*/{ABOUT}"))
        raise ConfigError(
            f"data.path={folder} holds no modified set, there is no {ABOUT}; "
            + (f"did you mean {inside[0]}?" if inside else "give the folder of one")
        )
    try:
        about = read_json(file)
        whole = isinstance(about, dict) and about.keys() == KINDS.keys()
        whole = whole and _checksum(about) == about["checksum"]
    except ValueError as error:
        raise DataError(f"{file} is damaged ({error}); write the set anew") from error
    if not whole:
        raise DataError(f"{file} has changed since it was written; write the set anew")
    if about["version"] != _VERSION:
        raise DataError(
            f"{file} is of version {about['version']}, and this vaescope reads {_VERSION}; write "
            "the set anew"
        )
    if wrong := unfit_entries(about):
        raise DataError(f"{file} is damaged ({'; '.join(wrong)}); write the set anew")
    return ModifiedFolder(folder, about)


def as_int8(stored: Tensor) -> Tensor:
    """What the bytes of some rows stand for: whole numbers from -127 to 127."""
    return stored.view(torch.int8)


def _shape(original: Mapping[str, Any]) -> tuple[int, ...]:
    return (original["num_images"], *original["image_shape"])


def _checksum(about: Mapping[str, Any]) -> str:
    """SHA-256 of what a folder says of itself, but for the checksum."""
    rest = {key: value for key, value in about.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _checked_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain = json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"facts of a modification cannot be stored as JSON: {error}") from error
    return dict(plain)


@contextlib.contextmanager
def _one_writer(part: Path, num_bytes: int) -> Iterator[None]:
    """Hold the lock beside a part; a full disk is told in one sentence."""
    try:
        with writing(part):
            yield
    except (OSError, DataError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        there = next(place for place in part.absolute().parents if place.exists())
        free = shutil.disk_usage(there).free
        raise DataError(
            f"{part.parent} cannot take a modified set of {num_bytes:,} bytes, {free:,} are free "
            f"({cause.strerror}); free some, or name another folder"
        ) from cause
    finally:
        part.with_name(f"{part.name}.lock").unlink(missing_ok=True)


def _holds(folder: Path, about: Mapping[str, Any], rows: Tensor, sample: np.ndarray) -> bool:
    """Whether the same modification is in the folder already, by its changes of some rows.

    Raises:
        ConfigError: something else is.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    with contextlib.suppress(ConfigError, DataError):
        there = read_modified(folder)
        if _made_alike(there.about) == _made_alike(about):
            stored = there.change().take(rows), torch.from_numpy(sample)
            one, other = (as_int8(each).int() for each in stored)
            if (one - other).abs().max() <= 1:  # another number of threads rounds otherwise
                return True
    raise ConfigError(f"{folder} holds something else already; name another folder")


def _made_alike(about: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same, bit for bit, when a modification is written again elsewhere."""
    named = {key: about["original"][key] for key in ("name", "options", "num_images")}
    return {key: about[key] for key in ("version", "epsilon", "clip", "facts")} | named


def _pieces(
    dataset: FactorDataset, change_of: Change, batch_size: int, start: int
) -> Iterator[np.ndarray]:
    """Changes uint8 `[b, *image_shape]` of the rows from ``start`` on."""
    for rows in torch.arange(start, len(dataset)).split(batch_size):
        yield _change(dataset, change_of, rows)


def _change(dataset: FactorDataset, change_of: Change, rows: Tensor) -> np.ndarray:
    """Changes of some rows as they are stored.

    Raises:
        DataError: they are of another shape, not finite, or above 1.
    """
    with torch.no_grad():
        change = change_of(dataset.values(rows).cpu(), rows).float()
    expected = (len(rows), *dataset.image_shape)
    if tuple(change.shape) != expected:
        raise DataError(
            f"the modification gives {list(change.shape)} for {len(rows)} rows, expected "
            f"{list(expected)}"
        )
    largest = float(change.abs().amax())
    if not largest <= 1:
        raise DataError(
            f"the modification of rows {int(rows[0])} to {int(rows[-1])} reaches {largest:g}; its "
            "numbers have to be from -1 to 1"
        )
    return change.mul(LEVELS).round_().to(torch.int8).view(torch.uint8).cpu().numpy()
