"""Kinds of objects: whether a class can be what the group that names it is for."""

import inspect
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from vaescope.config.groups import GROUPS, Group
from vaescope.config.targets import class_of, get


def kind_problems(config: DictConfig) -> Iterator[str]:
    """Yield one sentence for each object that cannot be what its group is for."""
    for group in GROUPS:
        node = get(config, group.name)
        if not group.many:
            yield from _problem(f"config.{group.name}", node, group)
            continue
        for name in map(str, node) if isinstance(node, DictConfig) else ():
            yield from _problem(f"config.{group.name}.{name}", get(node, name), group)


def _problem(path: str, node: Any, group: Group) -> Iterator[str]:
    found = class_of(node)
    if not inspect.isclass(found):  # a function may return whatever is needed
        return
    has = {name for base in found.__mro__ for name in vars(base)}
    is_statistic = group.name == "statistics"
    if is_statistic and "together" in has:  # of all members of an ensemble at once
        return
    if lacking := sorted(set(group.needs) - has):
        lacks = " and no ".join(lacking)
        yield f"{path}: {node._target_} is no {group.kind}: it has no {lacks}"
    elif is_statistic and has & {"forward", "state_key"}:
        yield f"{path}: {node._target_} is no statistic: it is not called with an encoded split"
