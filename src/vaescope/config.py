"""Where the YAML files are, what the root of a configuration holds, and how objects come of it."""

import difflib
import inspect
import os
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pydoc import ErrorDuringImport, locate
from typing import Any

import hydra.utils
from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException
from omegaconf import MISSING, DictConfig, ListConfig, OmegaConf

from vaescope.errors import ConfigError, VaescopeError

RESERVED = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}
GIVEN_BY_CODE = {"config.model": {"parts"}, "config.trainer": {"callbacks", "logger", "plugins"}}


@dataclass
class TrainSchema:
    """Root keys of ``train.yaml`` and their types; groups stay open, ``problems`` checks them."""

    data: Any = MISSING
    model: Any = MISSING
    network: Any = MISSING
    posterior: Any = MISSING
    likelihood: Any = MISSING
    optimizer: Any = MISSING
    statistics: Any = field(default_factory=dict)
    callbacks: Any = None  # none chosen: callbacks=[]
    logger: Any = None  # none chosen: logger=[]
    trainer: Any = MISSING
    seed: int = MISSING
    latent_dim: int = MISSING
    data_dir: str | None = None
    output_dir: str = MISSING
    resume: str | None = None
    threads: int | None = None
    channels_last: bool = MISSING
    compile: bool = MISSING


@dataclass
class EvaluateSchema:
    """Root keys of ``evaluate.yaml`` and their types."""

    statistics: Any = field(default_factory=dict)
    checkpoint: str = MISSING
    split: str = MISSING
    num_samples: int = MISSING
    num_jacobians: int = MISSING
    data_dir: str | None = None
    output_dir: str = MISSING
    threads: int | None = None


@dataclass
class DataSchema:
    """Root keys of ``data.yaml`` and their types."""

    data: Any = MISSING
    action: str = MISSING
    seed: int = MISSING
    data_dir: str | None = None
    output_dir: str = MISSING
    num_images: int = MISSING


def register_schemas() -> None:
    """Make the schemas known to Hydra under the names in the defaults lists."""
    store = ConfigStore.instance()
    for schema in (TrainSchema, EvaluateSchema, DataSchema):
        store.store(name=f"{schema.__name__.removesuffix('Schema').lower()}_schema", node=schema)


def config_dir() -> str:
    """Folder of the YAML files: inside an installed wheel, or beside ``src/`` in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "conf", here.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return str(folder)
    raise FileNotFoundError(f"no train.yaml in {here / 'conf'} or beside src/; reinstall vaescope")


def build(node: Any, key: str, **given: Any) -> Any:
    """Make the object that a configuration node describes; the one call of ``instantiate``.

    Args:
        node: mapping with ``_target_``, as OmegaConf or as plain containers.
        key: where the node stands, for messages: ``model``.
        **given: arguments that only code can supply.

    Returns:
        The object; lists and mappings reach it as plain Python containers.

    Raises:
        ConfigError: if the constructor refuses its arguments, with the key and the reason.
    """
    if not isinstance(node, Mapping | DictConfig) or "_target_" not in node:
        raise ConfigError(f"config.{key}: has no _target_, so there is nothing to build")
    try:
        if not given:
            return hydra.utils.instantiate(node, _convert_="all")
        # objects would be taken for structured configs if they went through instantiate
        return hydra.utils.instantiate(node, _partial_=True, _convert_="all")(**given)
    except Exception as error:
        cause = root_cause(error)
        if isinstance(cause, VaescopeError) and not isinstance(cause, ConfigError):
            raise cause from error
        raise ConfigError(f"config.{key}: {cause}") from error


def root_cause(error: BaseException) -> BaseException:
    """What an exception began with; Hydra wraps it."""
    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    return error


def check(config: DictConfig) -> None:
    """Refuse a configuration that cannot work, before anything is built.

    Raises:
        ConfigError: listing every mistake found.
    """
    found = [*problems(config), *_root_problems(config)]
    if found:
        count = f"{len(found)} mistakes" if len(found) > 1 else "1 mistake"
        raise ConfigError(
            "\n".join([f"{count} in the configuration:", *(f"  - {p}" for p in found)])
        )


def problems(node: Any, path: str = "config") -> Iterator[str]:
    """Yield one sentence for each ``_target_`` argument that cannot work; builds nothing."""
    if isinstance(node, ListConfig):
        for position in range(len(node)):
            yield from problems(node._get_node(position), f"{path}[{position}]")
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return
    for key in map(str, node):
        if OmegaConf.is_missing(node, key):
            yield f"{path}.{key}: no value given"
        elif not OmegaConf.is_interpolation(node, key):
            yield from problems(node._get_node(key), f"{path}.{key}")
    if "_target_" in node:
        yield from _target_problems(node, path)
    elif "_taget_" in node or any(
        difflib.get_close_matches(str(k), ["_target_"], 1, 0.8) for k in node
    ):
        yield f"{path}: has no _target_; is one of its keys a misspelling of it?"


def _target_problems(node: DictConfig, path: str) -> Iterator[str]:
    """Mistakes in one node that has a ``_target_``."""
    try:
        target = locate(str(node["_target_"]))
    except ErrorDuringImport as error:
        yield f"{path}._target_: importing {node['_target_']} fails: {error}"
        return
    if not callable(target):
        yield f"{path}._target_: there is no {node['_target_']}"
        return
    parameters = inspect.signature(target).parameters
    named = [
        p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = _hints(target)
    for key in (str(k) for k in node if k not in RESERVED):
        if key not in named:
            if not open_ended:
                hint = _did_you_mean(key, named)
                yield f"{path}.{key}: {node['_target_']} takes no '{key}'{hint}"
        elif not OmegaConf.is_missing(node, key) and key in hints:
            value = node[key]
            if not _fits(value, hints[key]):
                yield f"{path}.{key}: {value!r} is not {_words(hints[key])}"
    if not node.get("_partial_"):
        given = GIVEN_BY_CODE.get(path, set())
        for name in named:
            if parameters[name].default is inspect.Parameter.empty and name not in {*node, *given}:
                yield f"{path}.{name}: {node['_target_']} needs it"


def _root_problems(config: DictConfig) -> Iterator[str]:
    """Mistakes that concern several groups at once."""
    if config.get("seed") is not None and config.seed < 0:
        yield f"config.seed: {config.seed} is below 0"
    if config.get("threads") is not None and config.threads < 1:
        yield f"config.threads: {config.threads} is below 1; null chooses by the idle cores"
    if "model" in config and "posterior" in config and "latent_dim" in config:
        method = locate(str(config.model.get("_target_")))
        posterior = locate(str(config.posterior.get("path")))
        if not isinstance(posterior, type):
            yield f"config.posterior: {config.posterior.get('path')} is not a posterior family"
            return
        check_latents = getattr(method, "latent_problem", None)
        if check_latents and (problem := check_latents(config.latent_dim, posterior)):
            yield f"config: {problem}"


def _hints(target: Any) -> dict[str, Any]:
    """Annotations of a callable's arguments; none where they cannot be resolved."""
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError, AttributeError):
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value may be passed where ``hint`` is asked for; unknown hints accept all."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, DictConfig) and "_target_" in value:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is typing.Literal:
        return value in args
    if hint in (type(None), None):
        return value is None
    if hint is bool or hint is str:
        return isinstance(value, hint)
    if hint in (int, float):
        return isinstance(value, int if hint is int else (int, float)) and not isinstance(
            value, bool
        )
    base = origin or hint
    if base in (list, tuple, Sequence, Collection):
        return isinstance(value, ListConfig | list | tuple)
    if base in (dict, Mapping):
        return isinstance(value, DictConfig | dict)
    return True


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_words(arg) for arg in typing.get_args(hint))
    plain = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    return (
        "null" if hint is type(None) else plain.get(hint, str(hint).replace("collections.abc.", ""))
    )


def _did_you_mean(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return (
        f"; did you mean '{near[0]}'?"
        if near
        else f"; it takes {', '.join(sorted(known)) or 'nothing'}"
    )


def resolved(config: DictConfig) -> dict[str, Any]:
    """The whole configuration as plain containers, every interpolation replaced by its value."""
    return typing.cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def save_yaml(config: Mapping[str, Any], path: Path) -> None:
    """Write plain containers as YAML, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), encoding="utf-8")
    temporary.replace(path)
