"""Originals: the set that an image was added to, by a name and options that find it again."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.sources import DataSource
from vaescope.errors import ConfigError, DataError, closest
from vaescope.streams import stream

_OF_THE_MACHINE = ("data_dir", "cache")  # where files lie, which may differ from run to run
_FILES = ("path", "factor_values")  # the user's own, which may be moved
_SAMPLED = 32  # rows by which an original is known again
_PROJECTIONS = 4
_TOLERANCE = 1e-3  # of a sum over an image's pixels, far above the rounding of other processors


def offered() -> dict[str, type[FactorDataModule]]:
    """Our own data modules by their option of the group ``data``: what a stored name may build."""
    own = {_option(kind): kind for kind in _own(FactorDataModule) if _option(kind)}
    return {name: kind for name, kind in own.items() if "original" not in options_taken(kind)}


def identity_of(module: FactorDataModule, dataset: FactorDataset) -> dict[str, Any]:
    """What an original is known by, as JSON can hold it.

    Args:
        module: makes the original.
        dataset: what it makes.

    Returns:
        Its name and options, its shape, and numbers that follow from some of its images.

    Raises:
        ConfigError: no name would find it again: it is no set of vaescope, or adds to another.
    """
    return {
        "name": name_of(module),
        "options": options_of(module),
        "source": dataset.source,
        **_shape_of(dataset),
        "sample": _sample(dataset),
    }


def name_of(module: FactorDataModule) -> str:
    """The name by which an original is found again.

    Raises:
        ConfigError: it has none, see ``identity_of``.
    """
    name = _option(type(module))
    if offered().get(name) is not type(module):
        raise ConfigError(
            f"{type(module).__name__} cannot be modified: an original is found again by its name, "
            "which a data set of your own and one that adds to another do not have; write its "
            "images to a file and take data=arrays"
        )
    return name


def options_of(module: FactorDataModule) -> dict[str, Any]:
    """Options that say which images a data module gives, not where their files are kept."""
    options = {name: getattr(module, name) for name in options_taken(type(module))}
    return {name: _plain(value, name in _FILES) for name, value in options.items()}


def original_named(identity: Mapping[str, Any]) -> FactorDataModule:
    """The data module that a stored identity names.

    Args:
        identity: as ``identity_of`` gives it, perhaps from a stranger's file.

    Raises:
        ConfigError: there is no such data set, or its options cannot work.
    """
    name, options = identity["name"], dict(identity["options"])
    kind = offered().get(name)
    if kind is None:
        raise ConfigError(f"there is no data set {name!r}{closest(str(name), offered())}")
    if unknown := sorted(options.keys() - {*options_taken(kind)}):
        raise ConfigError(f"{name} takes no {', '.join(map(repr, unknown))}")
    return kind(**options)


def require_options(identity: Mapping[str, Any], module: FactorDataModule, where: str) -> None:
    """Refuse a data module that is not the original by its name or its options.

    Args:
        identity: as it was stored.
        module: the data module given for it.
        where: the folder that it was stored in, for the message.

    Raises:
        ConfigError: with what differs.
    """
    name, given = _option(type(module)), options_of(module)
    if name != identity["name"]:
        raise ConfigError(
            f"data.original={name} was given, but {where} modifies {identity['name']}; leave it out"
        )
    stored = {key: value for key, value in identity["options"].items() if key not in _FILES}
    if differ := [key for key, value in stored.items() if given.get(key) != value]:
        told = " and ".join(f"{key}={given.get(key)!r} (not {stored[key]!r})" for key in differ)
        raise ConfigError(
            f"data.original has {told}, and {where} modifies images that were made with other "
            "options; leave them out"
        )


def require_images(identity: Mapping[str, Any], dataset: FactorDataset, where: str) -> None:
    """Refuse a data set whose images are not those that a modification was made for.

    Raises:
        DataError: its shape, its factors or its images differ.
    """
    given = _shape_of(dataset)
    same = all(identity[key] == value for key, value in given.items())
    if not same or not _alike(identity["sample"], _sample(dataset)):
        what = "images" if same else next(k for k, v in given.items() if identity[k] != v)
        raise DataError(
            f"{where} modifies {identity['name']} as it was then ({identity['source']}), and its "
            f"{what} are others now ({dataset.source}): put the files back, or modify it anew"
        )


def _alike(stored: list[list[float]], sample: list[list[float]]) -> bool:
    """Whether two samples are the same but for the rounding of other processors."""
    fit = [*map(len, stored)] == [*map(len, sample)]
    return fit and np.allclose(stored, sample, 1e-5, _TOLERANCE)


def options_taken(kind: type[FactorDataModule]) -> list[str]:
    """Names of the options that are not shared by all data modules nor those of a machine."""
    others = {*_OF_THE_MACHINE, *(field.name for field in fields(FactorDataModule))}
    return [field.name for field in fields(kind) if field.name not in others]


def _shape_of(dataset: FactorDataset) -> dict[str, Any]:
    factors = {name: list(entries) for name, entries in asdict(dataset.factors).items()}
    shape = list(dataset.image_shape)
    return {"num_images": len(dataset), "image_shape": shape, "factors": factors}


def _own(kind: type[FactorDataModule]) -> Iterator[type[FactorDataModule]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("vaescope.data.sets."):
            yield below
        yield from _own(below)


def _option(kind: type[FactorDataModule]) -> str:
    source = vars(kind).get("data_source")
    return (source if isinstance(source, DataSource) else kind.dataset_class.data_source).option


def _plain(value: Any, is_file: bool) -> Any:
    if is_file and value is not None and Path(value).expanduser().exists():
        return str(Path(value).expanduser().absolute())
    return list(value) if isinstance(value, tuple) else value


def _sample(dataset: FactorDataset) -> list[list[float]]:
    """Of some rows: factor values, and sums over the image with random signs, rows `[n, K + P]`."""
    rng = stream(0, "modified/sample")
    rows = torch.from_numpy(np.sort(rng.integers(len(dataset), size=_SAMPLED)))
    batch = dataset.batch(rows)
    pixels = batch.image.double().flatten(1).cpu()
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], (pixels.shape[1], _PROJECTIONS)))
    numbers = torch.cat([batch.factors.double().cpu(), pixels @ signs], 1)
    return numbers.round(decimals=4).tolist()
