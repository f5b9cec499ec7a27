"""Factor Jacobians at several widths, and what to say of widths that the images do not allow."""

import logging
from collections.abc import Mapping, Sequence

from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.data.surroundings import Surroundings
from vaescope.diagnosis.widths import Grams, Weight, grams_at
from vaescope.errors import ConfigError
from vaescope.streams import stream

log = logging.getLogger(__name__)

_FAR = 0.5  # standard deviations at which the nearest images are no neighbours any more


def grams_by_width(
    dataset: FactorDataset,
    surroundings: Surroundings,
    rows: Tensor,
    scales: Sequence[float],
    draws: int,
    weight: Weight,
    seed: int,
) -> dict[float, Grams]:
    """Gram matrices at each width, from the narrowest; without those of too few images."""
    found: dict[float, Grams] = {}
    for number, scale in enumerate(sorted(set(map(float, scales)))):
        rng = stream(seed, "diagnosis/neighbours", number)
        wider = 1 if surroundings.images is None else 1 + 3 * scale  # the flatter, the noisier
        many = int(draws * wider) // 4 * 4
        grams = grams_at(dataset, surroundings, rows, scale, draws=many, weight=weight, rng=rng)
        if grams is not None:
            found[scale] = grams
            log.info("width %g: factor Jacobians at %d points", scale, len(grams.of_pixels))
    if not found:
        raise ConfigError(
            f"the {len(dataset)} images are too few for a diagnosis of {len(surroundings.columns)} "
            "factors: hardly one has neighbours on all sides in factor space; name fewer by "
            "factors=[...]"
        )
    return found


def require_changes(found: Mapping[float, Grams], names: Sequence[str]) -> None:
    """Refuse images that stay as they are, whatever their factors."""
    largest = max(float(g.of_pixels.diagonal(dim1=-2, dim2=-1).amax()) for g in found.values())
    if not largest > 0:
        raise ConfigError(
            f"the images do not change with any of {', '.join(names)}, so nothing can be said of "
            "directions; check the order of the rows"
        )


def notes_on_widths(
    found: Mapping[float, Grams], scales: Sequence[float], draws: int, count: int, nearest: bool
) -> list[str]:
    """What to say of the widths: left out, too far apart, with few points."""
    notes = [_too_few(scale, draws) for scale in sorted(set(map(float, scales)) - found.keys())]
    if 0 in found and nearest and found[0].width > _FAR:
        notes.append(
            f"the nearest images differ by {found[0].width:.2g} standard deviations of the "
            "factors: at width 0 the directions are those over this distance"
        )
    return notes + _few_points(found, count)


def _too_few(scale: float, draws: int) -> str:
    if scale == 0:
        return "width 0 is left out: around hardly any image there are neighbours in every factor"
    return (
        f"width {scale:g} is left out: around hardly any image are there {draws} others as near in "
        "factor space"
    )


def _few_points(found: Mapping[float, Grams], count: int) -> list[str]:
    """Widths at which many points had too few neighbours."""
    few = {scale: len(grams.of_pixels) for scale, grams in found.items()}
    return [
        f"at width {scale:g} only {kept} of {count} points have enough neighbours"
        for scale, kept in few.items()
        if kept < 0.9 * count
    ]
