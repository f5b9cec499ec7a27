"""Data sets by name, and data modules of arrays in memory."""

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from vaescope.commands.originals import with_originals
from vaescope.config.checks import problems
from vaescope.config.composing import as_word, composed, require_option
from vaescope.config.groups import OF_DATA
from vaescope.config.loading import build
from vaescope.config.overrides import with_literal_paths
from vaescope.data import FactorDataModule
from vaescope.data.sets.own.memory import MemoryDataModule
from vaescope.errors import ConfigError, InputError, closest

_GIVEN = ("dataset_class", "images", "factor_values")  # by `load_data` itself


def load_data(source: Any, *, factors: Any = None, **options: Any) -> FactorDataModule:
    """A data module, set up, for ``pl.Trainer.fit`` and for methods: ``BetaVAE(data)``.

    Args:
        source: name of a data set (``vaescope data list``), or images ``[N, H, W]``,
            ``[N, H, W, C]``, ``[N, C, H, W]`` or vectors ``[N, X]``, as an array or a tensor. The
            sets ``arrays`` and ``image_folder`` read your own files, from ``path``.
        factors: of an array: values of its factors ``[N, K]``, or columns by name.
        **options: of the set, as its file in ``conf/data`` has them, such as ``batch_size`` and
            ``seed``; ``view``, ``sampling`` and ``hold_out`` take the name of an option of that
            group, or an object. Of an array: those of ``MemoryDataModule``.

    Returns:
        The data module; ``data.dataset`` has images and factors, ``data.train_dataloader()`` gives
        batches.

    Raises:
        ConfigError: an unknown name or option, with the nearest that there is; or a value that
            cannot work.
        InputError: an array that cannot hold images.
        DataError: files that are missing or damaged.

    Example:
        >>> data = load_data("tiny", batch_size=32)
        >>> data.image_shape, data.factors.names
        ((1, 64, 64), ('position_x', 'position_y', 'size'))
        >>> next(iter(data.train_dataloader())).image.shape
        torch.Size([32, 1, 64, 64])
    """
    if isinstance(source, str):
        if factors is not None:
            raise ConfigError(f"factors were given beside data={source!r}, which has its own")
        data = _named(source, options)
    else:
        chosen = {key: _option(key, value) for key, value in options.items()}
        data = _in_memory(source, factors, chosen)
    data.setup()
    return data


def _in_memory(images: Any, factors: Any, options: dict[str, Any]) -> MemoryDataModule:
    taken = [each for each in MemoryDataModule.__dataclass_fields__ if each not in _GIVEN]
    _require_taken("images in memory take", options, taken)
    return MemoryDataModule(images=images, factor_values=factors, **options)


def _named(name: str, options: dict[str, Any]) -> FactorDataModule:
    require_option("data", name)
    objects = {k: v for k in OF_DATA if not isinstance(v := options.get(k), str | None | Mapping)}
    words = [as_word(k, v) for k in OF_DATA if isinstance(v := options.get(k), str)]
    for word in words:
        require_option(*word.split("=", 1))
    path = [as_word("data.path", options["path"])] if "path" in options else []  # of modified sets
    said = [f"data={name}", *words, *(path if name == "modified" else ())]
    config = composed("train", with_literal_paths(with_originals(said)))
    node = config.data
    values = {k: v for k, v in options.items() if k not in objects and k not in _keys(words)}
    _require_taken(f"data={name} takes", values, [*map(str, node), *OF_DATA])
    OmegaConf.set_struct(config, False)
    for key, value in values.items():
        node[key] = _plain(value)
    if found := list(problems(node, "data")):
        raise ConfigError("\n".join(found))
    data: FactorDataModule = build(node, "data", **objects)
    return data


def _keys(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words}


def _option(key: str, value: Any) -> Any:
    """A view, a sampling or combinations to hold out by name, for data without a file of ours."""
    if key not in OF_DATA or not isinstance(value, str):
        return value
    require_option(key, value)
    return build(composed("train", [f"{key}={value}"]).data[key], f"data.{key}")


def _require_taken(what: str, options: Mapping[str, Any], taken: list[str]) -> None:
    for key in options:
        if key not in taken:
            raise ConfigError(f"{what} no {key!r}{closest(key, taken, 1)}")


def _plain(value: Any) -> Any:
    """An option as YAML has it: paths as texts, numbers of numpy as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "__fspath__"):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    if value is not None and not isinstance(value, str | int | float | bool):
        raise InputError(f"an option is a {type(value).__name__}; give plain values")
    return value
