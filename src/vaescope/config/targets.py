"""Look-up of dotted names: what ``_target_`` in a configuration stands for."""

from importlib import import_module
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from vaescope.errors import closest


def locate(name: str) -> Any:
    """The object of a dotted name as Hydra finds it: an attribute before a module of that name.

    ``hydra.utils.get_object`` logs an error for each name that is none, and does not tell a name
    that is none from a module that cannot be imported.

    Args:
        name: ``package.module.object``.

    Returns:
        The object; None if there is none. (``pydoc.locate`` gives the module ``conv64`` for the
        function ``vaescope.networks.conv64`` from Python 3.12 on.)

    Raises:
        Exception: whatever a module raises while it is imported.
    """
    found: Any = None
    for number, part in enumerate(parts := name.split("."), 1):
        if number > 1 and hasattr(found, part):
            found = getattr(found, part)
            continue
        path = ".".join(parts[:number])
        try:
            found = import_module(path)
        except ModuleNotFoundError as error:
            if not f"{path}.".startswith(f"{error.name}."):
                raise
            return None
    return found


def why_none(name: str) -> str:
    """What lacks of a dotted name for which ``locate`` found nothing, and what to do."""
    package, _, _ = name.partition(".")
    if locate(package) is None:
        return f"; no package {package} can be imported: install it beside vaescope"
    home, _, last = name.rpartition(".")
    there = locate(home) if home else None
    known = [each for each in vars(there) if each[0] != "_"] if hasattr(there, "__dict__") else []
    return closest(last, known, 1, otherwise="")


def get(node: Any, key: Any) -> Any:
    """A value that may be missing, or a link to nothing: None then, and told elsewhere."""
    try:
        return node.get(key)
    except OmegaConfBaseException:
        return None


def class_of(node: Any) -> Any:
    """What a node's ``_target_`` names; None if there is none, which is told elsewhere."""
    target = get(node, "_target_") if isinstance(node, DictConfig) else None
    try:
        return locate(target) if isinstance(target, str) else None
    except Exception:  # a module may raise anything while it is imported
        return None
