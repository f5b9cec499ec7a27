"""What a run's page shows of its latents: heat maps, traversals, and the live decoder."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.escaping import printable
from vaescope.report.run.latent_meanings import heat_rows, latent_name
from vaescope.run_folder.decoder_file import read_decoders
from vaescope.run_folder.latents_file import Latents, latents_of
from vaescope.run_folder.pictures_file import Pictures, Strip

_NEEDED = {"shape", "sliders", "reach", "codes", "directions", "stretches", "images"}
_FORMS = ({"layers", "weights", "scales"}, {"starts", "shares", "error"})
_NAMED = 6  # latents whose change is told


def heat_maps(found: Latents | None, several: bool) -> dict[str, Any] | None:
    """Rows and headings of both heat maps, and a note; None of a run that left no such numbers.

    Args:
        found: content of ``latents.json``.
        several: whether the run has several seeds, of which this is one.
    """
    if found is None or not found.latents:
        return None
    used = [each for each in found.latents if each.is_used]
    unused = [each for each in found.latents if not each.is_used]
    which = f"Seed {found.seed}. " if several else ""
    by = "the most precise first (σ: root of the posterior's mean variance)"
    if used and used[0].sigma is None:
        by = "the one that varies most first"
    about_factors = (
        "First: how much a latent knows of each factor, in percent: 0 no more than of shuffled "
        "ones, 100 as a latent that is equal to the factor (information in 20 bins of equal "
        f"width, over {found.num_samples:,} images of the {found.split} part). Then: mean"
        if found.factors
        else "Mean"
    )
    return {
        "note": f"{which}Latents, {by}. {about_factors} |cosine| of the angles between the "
        f"columns of the decoder's Jacobian at {found.num_jacobians} images; 0 is orthogonal. On "
        "the diagonal: the length of the column, by how much an image changes per unit.",
        "factors": [name.replace("_", " ") for name in found.factors],
        "names": [f"z{each.number}" for each in used],
        "used": heat_rows(found, used),
        "unused": heat_rows(found, unused),
    }


def picture_strips(
    found: Pictures | None, latents: Latents | None, several: bool
) -> dict[str, Any] | None:
    """Traversals, named as in the heat map, and reconstructions; None without ``pictures.json``."""
    if found is None:
        return None
    which = f"Seed {latents.seed}. " if several and latents else ""
    off = {each.number for each in latents.latents if not each.is_used} if latents else set()
    names = _names(latents)
    rows = [(names.get(s.latent, f"z{s.latent}"), s) for s in found.strips]
    low, high = _signed(found.values[0]), _signed(found.values[-1])
    return {
        "note": f"{which}The first held-out image; in each row one latent takes the values above, "
        f"from {low} to {high}, the others stay as encoded. {_changes(found.strips, off)}",
        "columns": [_signed(value) for value in found.values],
        "shown": [(name, strip.picture) for name, strip in rows if strip.latent not in off],
        "folded": [(name, strip.picture) for name, strip in rows if strip.latent in off],
        "given": found.given,
        "rebuilt": found.rebuilt,
        "rebuilt_note": f"{which}{len(found.errors)} held-out images, and what the decoder makes "
        f"of their codes: off by {min(found.errors):.2g} to {max(found.errors):.2g}, root mean "
        "square over the pixels from 0 to 1.",
        "count": len(found.errors),
    }


def _changes(strips: Sequence[Strip], off: Container[int]) -> str:
    """How far the ends of the rows are apart; of latents that are switched off, at most."""
    moving = sorted((s for s in strips if s.latent not in off), key=lambda strip: -strip.change)
    still = [strip.change for strip in strips if strip.latent in off]
    told = [f"z{strip.latent} {strip.change:.2g}" for strip in moving[:_NAMED]]
    told += [f"{len(moving) - _NAMED} more less"] if len(moving) > _NAMED else []
    told += [f"those switched off at most {max(still):.2g}"] if still else []
    return f"Pixels differ from end to end by (root mean square): {', '.join(told)}."


def _signed(value: float) -> str:
    return f"{value + 0.0:g}".replace("-", "−")  # of −0 as of 0


def _names(found: Latents | None) -> dict[int, str]:
    return {each.number: latent_name(found, each) for each in found.latents} if found else {}


def live_decoder(
    folder: Path, found: Latents | None, seeds: Sequence[int]
) -> dict[str, Any] | None:
    """What the script of the page is given; None of a run that left no decoder.

    Args:
        folder: with ``decoder.json``.
        found: content of ``latents.json``, of the first member.
        seeds: of all members.
    """
    members = []
    for content in read_decoders(folder):
        if not any(content.keys() >= {*_NEEDED, *form} for form in _FORMS):
            break
        latents = latents_of(content.get("latents")) or found
        names = _names(latents)
        told = [printable(names.get(j, f"z{j}")) for j in range(len(content["reach"]))]
        note = _runs_here(content) if "layers" in content else _decoded_before(content)
        inside = {key: value for key, value in content.items() if key != "latents"}
        inside |= {"names": told, "note": note}
        members.append((latents.seed if latents else None, inside))
    if not members:
        return None
    shown = [seed for seed, _ in members]
    return {
        "seeds": shown if len(shown) > 1 else [],
        "left_out": _left_out(shown, seeds),
        "note": members[0][1]["note"],
        "data": {"members": [inside for _, inside in members]},
    }


def _left_out(shown: Sequence[int | None], seeds: Sequence[int]) -> str:
    """Which members' decoders are in the page, where not all are; nothing: they are."""
    if len(shown) >= len(seeds) or None in shown:
        return ""
    those = ", ".join(map(str, shown))
    which = f"decoders of seeds {those}" if len(shown) > 1 else f"decoder of seed {those}"
    return f"Of {len(seeds)} seeds, this page has the {which}: it carries at most 2.4 MB of them."


def _runs_here(content: Mapping[str, Any]) -> str:
    return (
        "One slider a latent, all at once; the decoder itself runs in this page, its weights in 16 "
        f"bits. Start from any of {len(content['images'])} images that training has not seen."
        f"{_band(content)} Beside: the local principal directions of the decoder where the sliders "
        "stand, with the angle to the nearest latent axis; + and − go a quarter of a unit along "
        "one, and the orange arrows at the sliders show its parts along the latents. At 0° the "
        "latents are the principal directions."
    )


def _decoded_before(content: Mapping[str, Any]) -> str:
    count, steps = len(content["starts"]), len(content["shares"])
    error = content["error"]
    which = f"any of {count} images" if count > 1 else "one image"
    return (
        "This decoder is too large or too unusual to run in a page. Its images were decoded "
        f"beforehand: from {which} that training has not seen, one latent moved at a time, to "
        f"{steps} values across its range; such images are exact. Of several latents the page adds "
        "the changes of each, which is no image of the decoder: off by "
        f"{error:g} (root mean square over the pixels from 0 to 1) where all go to "
        f"another image's code.{_band(content)} Angles: between a local principal direction of the "
        "decoder at the image's own code and the nearest latent axis."
    )


def _band(content: Mapping[str, Any]) -> str:
    """What the line under a slider is, where there is one."""
    if not content.get("sigmas"):
        return ""
    return " The orange line under a slider is ±2 σ of the image's posterior."
