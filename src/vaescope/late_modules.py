"""Modules that are loaded when something of them is used, not when another package names them."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """A module of which some names are known; any other one loads it."""

    def __init__(self, name: str, is_package: bool) -> None:
        super().__init__(name)
        self._is_package = is_package

    def __getattr__(self, name: str) -> Any:
        # names that are asked of every module; a package's submodules are looked for by `__path__`
        if name.startswith("__") and not (name == "__path__" and self._is_package):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def loaded_when_used(module: str, *, is_package: bool = False, **known: Any) -> Iterator[None]:
    """Let ``import module`` load nothing meanwhile, unless it is loaded already.

    Args:
        module: its full name.
        is_package: whether modules may be imported from it, which loads it.
        known: what those who import it meanwhile find in it; anything else loads it.

    Example:
        >>> with loaded_when_used("turtledemo.clock", mode="unused"):
        ...     from turtledemo.clock import mode
        >>> mode, "turtledemo.clock" in sys.modules
        ('unused', False)
    """
    if module in sys.modules:
        yield
        return
    late = sys.modules[module] = _Late(module, is_package)
    vars(late).update(known)
    try:
        yield
    finally:
        if sys.modules.get(module) is late:
            del sys.modules[module]
