"""Kinds of objects: whether a class can be what the group that names it is for."""

import inspect
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from vaescope.config.groups import GROUPS, Group
from vaescope.config.targets import class_of, get


def objects(config: DictConfig) -> Iterator[tuple[str, Any, Group]]:
    """Place, node and group of each object that a configuration describes."""
    for group in GROUPS:
        node = get(config, group.name)
        if not group.many:
            yield f"config.{group.name}", node, group
            continue
        for name in map(str, node) if isinstance(node, DictConfig | dict) else ():
            yield f"config.{group.name}.{name}", get(node, name), group


def kind_problems(config: DictConfig) -> Iterator[str]:
    """Yield one sentence for each object that cannot be what its group is for."""
    for path, node, group in objects(config):
        found = class_of(node)
        is_statistic = group.name == "statistics"
        has = {name for base in getattr(found, "__mro__", ()) for name in vars(base)}
        # a function may return whatever is needed; compare: of all members of an ensemble at once
        if not inspect.isclass(found) or (is_statistic and "compare" in has):
            continue
        if lacking := sorted(set(group.needs) - has):
            lacks = " and no ".join(lacking)
            yield f"{path}: {node._target_} is no {group.kind}: it has no {lacks}"
        elif is_statistic and has & {"forward", "state_key"}:
            yield f"{path}: {node._target_} is no statistic: it is not called with an encoded split"
