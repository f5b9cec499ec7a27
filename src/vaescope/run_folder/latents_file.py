"""``latents.json``: which latent knows which factor, and how the decoder moves an image by each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_json

NAME = "latents.json"


@dataclass(frozen=True)
class Latent:
    """One latent of a model, over the images of a split."""

    number: int
    is_used: bool  # whether it says anything about an image
    std: float  # of its mean over the images
    sigma: float | None  # root of its posterior's mean variance; None: codes have no noise
    length: float  # of its column of the decoder's Jacobian, a mean
    information: Sequence[float]  # share of each factor's entropy that it knows
    chance: Sequence[float]  # the same of shuffled factors, mean over shuffles
    noise: Sequence[float]  # and their standard deviation
    cosines: Sequence[float]  # mean |cosine| of its column with that of each latent, by number


@dataclass(frozen=True)
class Latents:
    """All latents of one model, the most precise first."""

    seed: int
    split: str
    num_samples: int
    num_jacobians: int
    factors: Sequence[str]
    varying: Sequence[bool]  # which factors have more than one value
    ceilings: Sequence[float]  # share of its entropy that a latent equal to the factor would know
    latents: Sequence[Latent]


def write_latents(folder: Path, latents: Latents) -> None:
    """Write the file whole or not at all."""
    write_json(folder / NAME, plain_latents(latents))


def plain_latents(latents: Latents) -> dict[str, Any]:
    """What a file holds of them: numbers of six digits, and texts."""
    content: dict[str, Any] = _rounded(asdict(latents))
    return content


def read_latents(folder: Path) -> Latents | None:
    """The latents of a run; None of a run of an earlier version, or if the file is damaged."""
    try:
        return latents_of(read_json(folder / NAME))
    except (OSError, ValueError):
        return None


def latents_of(content: Any) -> Latents | None:
    """The latents that a file holds; None if something is missing or no finite number."""
    try:
        found = Latents(**content | {"latents": [_latent(each) for each in content["latents"]]})
        return found if _is_whole(found) else None
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _latent(content: Mapping[str, Any]) -> Latent:
    return Latent(**content)


def _is_whole(found: Latents) -> bool:
    """Whether all rows fit each other and hold finite numbers."""
    count, size = len(found.factors), len(found.latents)
    numbers = [found.num_samples, found.num_jacobians, *found.ceilings]
    for each in found.latents:
        numbers += [each.number, each.std, each.length, *each.information, *each.cosines]
        numbers += [] if each.sigma is None else [each.sigma]
        numbers += [*each.chance, *each.noise]
        columns = (each.information, each.chance, each.noise)
        if any(len(column) != count for column in columns) or len(each.cosines) != size:
            return False
    fits = len(found.varying) == len(found.ceilings) == count
    numbered = sorted(each.number for each in found.latents) == list(range(size))
    return fits and numbered and all(math.isfinite(number) for number in numbers)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
