"""A diagnosis in words and tables, the same on the terminal and on the page."""

from collections.abc import Sequence

from vaescope.diagnosis.dataset_diagnosis import Diagnosis
from vaescope.diagnosis.image_components import Spectra
from vaescope.diagnosis.rotations import UNDECIDED
from vaescope.diagnosis.widths import AtScale

_MOST = 6  # pairs told
Table = tuple[Sequence[str], list[list[str]]]


def sentences(found: Diagnosis) -> list[str]:
    """What is predicted, and what a reader has to know of it."""
    at, low, high = found.prediction, *found.prediction.interval
    mig = "{:.2f} ({:.2f} to {:.2f})".format(found.mig, *found.mig_interval)
    told = [
        f"Alignment {at.alignment:.2f} ({low:.2f} to {high:.2f}): 0 is as good as latents in "
        f"random directions, 1 is latents along the factors; posteriors of width {at.scale:g}.",
        f"MIG of codes along the predicted latents: {mig}.",
        f"Latents are taken up in this order: {', '.join(found.order)}.",
    ]
    if not found.beta_given:
        told.append(
            f"No beta was given; with {found.beta:.3g} no factor is pruned (the table says from "
            "which on each is)."
        )
    elif found.pruned:
        told.append(f"Pruned at beta = {found.beta:g}: {', '.join(found.pruned)}.")
    else:
        told.append(f"None is pruned at beta = {found.beta:g}.")
    mixed = [f"{own} and {other} by {angle:.0f} degrees" for own, other, angle in decided(at)]
    told.append(f"Mixed: {_first(mixed)}." if mixed else "No two are mixed by 10 degrees.")
    if at.undecided:
        pairs = [f"{own} and {other}" for own, other, _ in at.undecided]
        told.append(f"Open, for any angle costs the same to {UNDECIDED:g} nats: {_first(pairs)}.")
    told.append(f"Images around a point are {found.surroundings}.")
    return [*told, *(f"Note: {note}." for note in found.notes)]


def decided(at: AtScale) -> list[tuple[str, str, float]]:
    """Mixed pairs whose angle is not open."""
    still_open = {(own, other) for own, other, _ in at.undecided}
    return [pair for pair in at.mixed if pair[:2] not in still_open]


def _first(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return ", ".join(texts[:_MOST]) + more


def factor_table(found: Diagnosis) -> Table:
    """A line for each factor, at the width that predictions are made from."""
    at = found.prediction
    columns = (
        *("factor", "norm", "pruned from beta", f"at {found.beta:.3g}", "mixed with"),
        *("images move alike", "axis agreement", "distance order"),
    )
    rows = []
    for k, name in enumerate(found.factors):
        mixed = [
            f"{other if own == name else own} {angle:.0f}°"
            for own, other, angle in decided(at)
            if name in (own, other)
        ]
        numbers = (at.image_agreement[k], at.axis_agreement[k], found.overlap.per_factor[k])
        used = "used" if at.variances[k] > 1 else "pruned"
        start = (name, f"{at.norms[k]:.3g}", f"{at.pruning_betas[k]:.3g}", used, _first(mixed))
        rows.append([*start, *map(shown, numbers)])
    return columns, rows


def width_table(found: Diagnosis, scales: Sequence[AtScale]) -> Table:
    """A line for each posterior width."""
    chance = f"DtO (chance {found.dto_chance:.2f})"
    columns = (
        *("width", "alignment", "95 %", chance, "c_IMA", "order agreement"),
        *("singular values", "norms apart by"),
    )
    rows = [
        [
            f"{at.scale:g}",
            shown(at.alignment),
            f"{at.interval[0]:.2f} to {at.interval[1]:.2f}",
            shown(at.dto),
            shown(at.ima_contrast),
            shown(at.order_agreement),
            " ".join(f"{value:.3g}" for value in at.singular_values),
            " ".join(f"{ratio:.3g}" for ratio in at.norm_ratios),
        ]
        for at in scales
    ]
    return columns, rows


def component_table(found: Diagnosis) -> Table:
    """A line for each of the first principal components of all images."""
    components = found.components
    columns = ("component", "share of variance", "pruned from beta", *found.factors)
    rows = [
        [str(number + 1), shown(share), f"{beta:.3g}", *map(shown, explained)]
        for number, (share, beta, explained) in enumerate(
            zip(
                components.shares,
                components.pruning_betas,
                components.factor_shares,
                strict=True,
            )
        )
    ][: 2 * len(found.factors)]
    return columns, rows


def spectrum_sentences(found: Spectra, beta: float | None) -> list[str]:
    """What there is to say of images without factors."""
    components = found.components
    told = [
        "No factors are known, so nothing is said about alignment.",
        f"Dimension of the images: {shown(found.two_nn_dimension)} by their two nearest "
        f"neighbours, {shown(found.mle_dimension)} by maximum likelihood.",
    ]
    if beta is not None:
        used = sum(threshold > beta for threshold in components.pruning_betas)
        least = "at least " * (used == len(components.pruning_betas))
        told.append(f"A linear VAE uses {least}{used} components at beta = {beta:g}.")
    return told


def spectrum_table(found: Spectra) -> Table:
    """A line for each of the first principal components, of all images and of neighbourhoods."""
    columns = ("component", "share of variance", "pruned from beta", "share among neighbours")
    both = zip(found.components.shares, found.components.pruning_betas, strict=True)
    rows = [
        [str(number + 1), shown(share), f"{beta:.3g}", shown(local)]
        for number, ((share, beta), local) in enumerate(zip(both, found.local_shares, strict=False))
    ]
    return columns, rows


def shown(value: float | None) -> str:
    """A number with two places; a dash for none."""
    return "–" if value is None else f"{value:.2f}"
