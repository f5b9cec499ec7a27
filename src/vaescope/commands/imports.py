"""Import torch, Lightning and wandb, which are half of a short run, in the time they need."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def lasting() -> Iterator[None]:
    """Modules imported within stay until the end, and no search for garbage goes through them."""
    gc.disable()
    try:
        with _signal_when_used():
            yield
    finally:
        gc.freeze()
        gc.enable()


class _Signal(ModuleType):
    """scipy.signal, loaded when something of it is used."""

    hamming = None  # torchmetrics imports the whole of it to ask whether it has this

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # asked of every module
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _signal_when_used() -> Iterator[None]:
    name = "scipy.signal"
    if name in sys.modules:
        yield
        return
    unused = sys.modules[name] = _Signal(name)
    try:
        yield
    finally:
        if sys.modules.get(name) is unused:
            del sys.modules[name]


def import_wandb() -> None:
    """Import it before Lightning: its declarations look through all modules loaded so far."""
    import wandb.apis.public  # noqa: F401 # loaded by wandb.init() in any case
