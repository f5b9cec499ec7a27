"""What an object has to have to be of use where a configuration names it."""

import inspect
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig

from vaescope.config.targets import class_of, get

# by group: what is called there, and what shows that a class can be it
_ONE = {
    "data": ("data module", {"train_dataloader", "setup"}),
    "model": ("method", {"training_step", "configure_optimizers"}),
    "prior": ("prior", {"posteriors"}),
    "likelihood": ("likelihood", {"nll"}),
    "optimizer": ("optimiser", {"step", "zero_grad"}),
    "trainer": ("trainer", {"fit"}),
}
_MANY = {
    "callbacks": ("callback", {"on_train_batch_end", "state_key"}),
    "logger": ("logger", {"log_metrics", "log_hyperparams"}),
    "statistics": ("statistic", {"__call__"}),
}


def kind_problems(config: DictConfig) -> Iterator[str]:
    """Yield one sentence for each object that cannot be what its group is for."""
    for group, (kind, needed) in _ONE.items():
        yield from _problem(f"config.{group}", get(config, group), kind, needed)
    for group, (kind, needed) in _MANY.items():
        entries = get(config, group)
        for name in map(str, entries) if isinstance(entries, DictConfig) else ():
            yield from _problem(f"config.{group}.{name}", get(entries, name), kind, needed)


def _problem(path: str, node: Any, kind: str, needed: set[str]) -> Iterator[str]:
    found = class_of(node)
    if not inspect.isclass(found):  # a function may return whatever is needed
        return
    has = {name for base in found.__mro__ for name in vars(base)}
    if kind == "statistic" and "together" in has:  # of all members of an ensemble at once
        return
    is_other = kind == "statistic" and has & {"forward", "state_key"}
    if lacking := sorted(needed - has):
        yield f"{path}: {node._target_} is no {kind}: it has no {' and no '.join(lacking)}"
    elif is_other:
        yield f"{path}: {node._target_} is no {kind}: it is not called with an encoded split"
