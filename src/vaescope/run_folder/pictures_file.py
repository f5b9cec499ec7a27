"""``pictures.json``: traversals and reconstructions as strips of images without labels."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_json

NAME = "pictures.json"


@dataclass(frozen=True)
class Strip:
    """One latent on its way from end to end, the others as encoded of one image."""

    latent: int
    change: float  # root mean square over pixels of what differs between the ends
    picture: str  # a png file in base64, as all pictures here


@dataclass(frozen=True)
class Pictures:
    """What one model makes of held-out images."""

    values: Sequence[float]  # that a latent takes
    strips: Sequence[Strip]
    given: str
    rebuilt: str
    errors: Sequence[float]  # root mean square over the pixels of each image given and rebuilt


def write_pictures(folder: Path, pictures: Pictures) -> None:
    """Write the file whole or not at all."""
    write_json(folder / NAME, asdict(pictures))


def read_pictures(folder: Path) -> Pictures | None:
    """The pictures of a run; None of a run of an earlier version, or if the file is damaged."""
    try:
        content = read_json(folder / NAME)
        found = Pictures(**content | {"strips": [_strip(each) for each in content["strips"]]})
        return found if _is_whole(found) else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _strip(content: dict[str, Any]) -> Strip:
    return Strip(**content)


def _is_whole(found: Pictures) -> bool:
    """Whether all numbers are finite, and all pictures are texts that stay in their attribute."""
    numbers = [*found.values, *found.errors, *(each.change for each in found.strips)]
    texts = [found.given, found.rebuilt, *(each.picture for each in found.strips)]
    latents = [each.latent for each in found.strips]
    return (
        all(math.isfinite(number) for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and all(type(latent) is int for latent in latents)
        and bool(found.values and found.errors)
    )
