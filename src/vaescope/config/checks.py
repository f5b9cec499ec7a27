"""Check a configuration: list all its mistakes before anything is built."""

import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vaescope.config.foreign_ranges import advice, foreign_hints
from vaescope.config.groups import MANY
from vaescope.config.incompatible import combination_problems
from vaescope.config.kinds import kind_problems, objects
from vaescope.config.schemas import SCHEMAS, TrainSchema
from vaescope.config.targets import get, locate, why_none
from vaescope.errors import ConfigError, closest, first_line
from vaescope.ranges import fits, hints_of, words
from vaescope.scores.objective import objective_problems

RESERVED = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}
GIVEN_BY_CODE = {
    "config.model": {"parts"},
    "config.trainer": {
        "callbacks",
        "logger",
        "plugins",
        "default_root_dir",
        "enable_checkpointing",
        "enable_progress_bar",
        "enable_model_summary",
        "limit_val_batches",
        "num_sanity_val_steps",
        "log_every_n_steps",
        "use_distributed_sampler",
    },
}
_ROOT_HINTS = get_type_hints(TrainSchema, include_extras=True)


def check(config: DictConfig) -> None:
    """Refuse a configuration that cannot work.

    Raises:
        ConfigError: listing every mistake found.
    """
    _refuse([*problems(config), *_group_problems(config), *_root_problems(config)])


def check_keys(config: DictConfig) -> None:
    """Refuse root keys that the command does not have; reads no value, so imports nothing.

    Raises:
        ConfigError: listing every mistake found.
    """
    schema: Any = OmegaConf.get_type(config)
    _refuse([*_unknown_keys(config, get_type_hints(schema), "config")])


def _refuse(found: list[str]) -> None:
    if len(found) == 1:
        raise ConfigError(found[0])
    if found:
        head = f"{len(found)} mistakes in the configuration:"
        raise ConfigError("\n".join([head, *(f"  - {problem}" for problem in found)]))


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
    elif near := difflib.get_close_matches("_target_", map(str, node), 1, 0.8):
        yield f"{path}: has no _target_; did you mean it by {near[0]}?"


def _target_problems(node: DictConfig, path: str) -> Iterator[str]:
    """Mistakes in one node that has a ``_target_``."""
    name = str(node["_target_"])
    try:
        target = locate(name)
        lacks = "" if callable(target) else why_none(name)
    except Exception as error:  # a module may raise anything while it is imported
        reason = f"{type(error).__name__}: {error}"
        yield f"{path}._target_: importing {name} fails: {reason}"
        return
    if not callable(target):
        yield f"{path}._target_: there is no {name}{lacks}"
        return
    try:
        parameters = inspect.signature(target).parameters.values()
    except ValueError:  # some that are written in C do not say what they take
        return
    kinds = {p.name: p.kind for p in parameters}
    named = [n for n, k in kinds.items() if k in (k.POSITIONAL_OR_KEYWORD, k.KEYWORD_ONLY)]
    open_ended = inspect.Parameter.VAR_KEYWORD in kinds.values()
    hints = {**hints_of(target), **foreign_hints(name, path)}
    for key in (str(k) for k in node if k not in RESERVED):
        if key in GIVEN_BY_CODE.get(path, ()):
            yield f"{path}.{key}: vaescope sets this itself"
        elif key in named:
            yield from _value_problems(node, key, hints.get(key, Any), f"{path}.{key}")
        elif not open_ended:
            near = closest(key, named, 1, "it takes")
            yield f"{path}.{key}: {name} takes no '{key}'{near}"
    if not node.get("_partial_"):
        known = {*node, *GIVEN_BY_CODE.get(path, ())}
        for parameter in parameters:
            required = parameter.name in named and parameter.default is inspect.Parameter.empty
            if required and parameter.name not in known:
                yield f"{path}.{parameter.name}: {name} needs it"


def _value_problems(node: DictConfig, key: str, hint: Any, path: str) -> Iterator[str]:
    """Mistakes in the value of one argument."""
    if OmegaConf.is_missing(node, key) or _is_told_at_the_root(node, key, path):
        return
    try:
        value = node[key]
        if isinstance(value, DictConfig | ListConfig):
            value = OmegaConf.to_container(value, resolve=True)
    except OmegaConfBaseException as error:
        yield f"{path}: {first_line(error)}"
        return
    if not fits(value, hint):
        yield f"{path}: {value!r} is not {words(hint)}{advice(key, value)}"


def _is_told_at_the_root(node: DictConfig, key: str, path: str) -> bool:
    """Whether a value is a link to a root key that is checked itself, like ``${seed}``."""
    if not OmegaConf.is_interpolation(node, key) or path.count(".") < 2:
        return False
    checked = [f"${{{name}}}" for name, hint in _ROOT_HINTS.items() if hint is not Any]
    link: Any = node._get_node(key)
    return link._value() in checked


def _group_problems(config: DictConfig) -> Iterator[str]:
    """Groups and entries that describe no object."""
    for name in (group.name for group in MANY):
        entries = get(config, name) or {}
        if not isinstance(entries, DictConfig | dict):
            yield f"config.{name}: {entries!r} was given; choose options of the group, or []"
    for path, node, group in objects(config):
        if not group.many and not {group.name, "model"} <= config.keys():
            continue
        if not isinstance(node, DictConfig):
            yield f"{path}: {node!r} describes no object; choose an option of the group"
        elif "_target_" not in node:
            yield f"{path}: has no _target_, so there is nothing to build"


def _root_problems(config: DictConfig) -> Iterator[str]:
    """Mistakes that concern the root's own values or several groups at once."""
    schema: Any = OmegaConf.get_type(config)
    if not is_dataclass(schema):  # a resumed run's own file: the one that knows most of its keys
        keys = set(map(str, config))
        schema = min(SCHEMAS, key=lambda each: len(keys - set(get_type_hints(each))))
    yield from _schema_problems(config, schema, "config")
    yield from list(kind_problems(config)) or combination_problems(config)
    if get(config, "objective") is not None:
        yield from objective_problems(config.objective)


def _schema_problems(node: DictConfig, schema: Any, path: str) -> Iterator[str]:
    """Keys that a schema does not have, and numbers outside the ranges that it declares."""
    hints = get_type_hints(schema, include_extras=True)
    if is_dataclass(OmegaConf.get_type(node)):  # a run's own file may be older than a key
        there = {*node.keys()}  # also those that have no value, which `in` does not see
        yield from (f"{path}.{key}: was taken out by ~{key}" for key in hints if key not in there)
    yield from _unknown_keys(node, hints, path)
    for key in (key for key in map(str, node) if key in hints):
        if is_dataclass(hints[key]) and isinstance(get(node, key), DictConfig):
            yield from _schema_problems(node[key], hints[key], f"{path}.{key}")
        else:
            yield from _value_problems(node, key, hints[key], f"{path}.{key}")


def _unknown_keys(node: DictConfig, hints: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in map(str, node):
        if key not in hints:
            yield f"{path}: there is no '{key}'{closest(key, hints, 1, 'it takes')}"
