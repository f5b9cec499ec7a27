"""Nested settings by dotted key."""

from collections.abc import Iterator, Mapping
from typing import Any


def flat_settings(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested mappings; lists and empty mappings are values.

    Example:
        >>> dict(flat_settings({"model": {"beta": 4}, "seed": 0}))
        {'model.beta': 4, 'seed': 0}
    """
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from flat_settings(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, list(node) if isinstance(node, tuple) else node
