"""What a run's page shows of its latents: heat maps, and the decoder that runs in the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.escaping import printable
from vaescope.report.run.latent_meanings import heat_rows, latent_name
from vaescope.run_folder.decoder_file import read_decoder
from vaescope.run_folder.latents_file import Latents

_NEEDED = {"shape", "sliders", "reach", "codes", "directions", "stretches", "images"}


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
        "Left: how much a latent knows of each factor, in percent: 0 no more than of shuffled "
        "ones, 100 as a latent that is equal to the factor (information in 20 bins of equal "
        f"width, over {found.num_samples:,} images of the {found.split} part). Then: "
        if found.factors
        else ""
    )
    return {
        "note": f"{which}Latents, {by}. {about_factors}mean |cosine| of the angles between the "
        f"columns of the decoder's Jacobian at {found.num_jacobians} images; 0 is orthogonal. On "
        "the diagonal: the length of the column, by how much an image changes per unit.",
        "factors": [name.replace("_", " ") for name in found.factors],
        "names": [f"z{each.number}" for each in used],
        "used": heat_rows(found, used),
        "unused": heat_rows(found, unused),
    }


def live_decoder(folder: Path, found: Latents | None) -> dict[str, Any] | None:
    """What the script of the page is given, and a note; None of a run that left no decoder."""
    content = read_decoder(folder)
    if content is None or not content.keys() >= _NEEDED:
        return None
    names = [f"z{j}" for j in range(len(content["reach"]))]
    for each in found.latents if found else ():
        if each.number < len(names) and found:
            names[each.number] = printable(latent_name(found, each))
    return {"note": _note(content), "data": {**content, "names": names}}


def _note(content: Mapping[str, Any]) -> str:
    images: Sequence[Any] = content["images"]
    band = (
        " The orange line under a slider is ±2 σ of the image's posterior."
        if content.get("sigmas")
        else ""
    )
    if "layers" not in content:
        return (
            "One slider a latent; this network is too large or too unusual to run in a page, so "
            f"its images were decoded beforehand, one latent moved at a time.{band} Angles: "
            "between a local principal direction of the decoder and the nearest latent axis."
        )
    return (
        "One slider a latent; the decoder runs in this page, in 16-bit weights. Start from any of "
        f"{len(images)} images that training has not seen.{band} Beside: the local principal "
        "directions of the decoder at that image, the strongest first, with the angle to the "
        "nearest latent axis; + and − go a quarter of a unit along one, and the orange arrows at "
        "the sliders show its parts along the latents."
    )
