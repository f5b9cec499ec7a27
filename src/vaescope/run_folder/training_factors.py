"""``factors.json``: what training shows of the factors."""

from pathlib import Path
from typing import Any

from vaescope.files import read_json

NAME = "factors.json"


def varying_factors(folder: Path) -> list[str]:
    """Names of the factors that vary in training; none without the file, or if it is damaged."""
    try:
        entropies: dict[str, Any] = read_json(folder / NAME)["entropy"]
        return [str(name) for name, nats in entropies.items() if float(nats) > 0]
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return []
