"""Which latent is which factor: latents in words, and the heat maps of a run's page."""

from collections.abc import Sequence
from dataclasses import dataclass

from vaescope.run_folder.latents_file import Latent, Latents

_SOME = 0.05  # knowledge below which a latent is not said to have it
_CLEAR = 3.0  # standard deviations of shuffles that information has to be above chance
_BESIDE = 0.5  # a second factor is named from this share of the first's on
_FOUND = 0.5  # knowledge from which on a factor is found


@dataclass(frozen=True)
class Field:
    """A field of a heat map: how strong its colour is, from 0 to 1, and what is written in it."""

    strength: float
    text: str

    @property
    def is_strong(self) -> bool:
        """Whether the text needs the colour that is read on a strong ground."""
        return self.strength > 0.68


@dataclass(frozen=True)
class HeatRow:
    """A latent's row: its name, its width, its information, its angles to the latents shown."""

    name: str
    short: str
    sigma: str
    information: Sequence[Field]
    cosines: Sequence[Field]


def knowledge(found: Latents, latent: Latent) -> list[float]:
    """How much a latent knows of each factor: 0, what shuffles bring, to 1, as one equal to it."""
    columns = zip(latent.information, latent.chance, latent.noise, found.ceilings, strict=True)
    return [
        min(1.0, (share - chance) / (ceiling - chance))
        if ceiling > chance and share > chance + _CLEAR * noise
        else 0.0
        for share, chance, noise, ceiling in columns
    ]


def latent_name(found: Latents, latent: Latent) -> str:
    """``z8: position y, 92 %``: what it knows most about, and a second factor that is near."""
    known = knowledge(found, latent)
    order = sorted(range(len(known)), key=lambda k: -known[k])
    if not order or known[order[0]] < _SOME:
        return f"z{latent.number}"
    named = [k for k in order[:2] if known[k] >= max(_SOME, _BESIDE * known[order[0]])]
    told = " and ".join(f"{_words(found.factors[k])}, {100 * known[k]:.0f} %" for k in named)
    return f"z{latent.number}: {told}"


def heat_rows(found: Latents, latents: Sequence[Latent]) -> list[HeatRow]:
    """The rows of some latents, angles to one another in the same order."""
    longest = max((each.length for each in found.latents), default=0.0) or 1.0
    rows = []
    for each in latents:
        angles = [
            # on the diagonal the cosine is 1; there the column's length is shown
            Field(each.length / longest, f"{each.length:.2g}")
            if other is each
            else Field(each.cosines[other.number], f"{each.cosines[other.number]:.2f}")
            for other in latents
        ]
        sigma = "" if each.sigma is None else f"{each.sigma:.2f}"
        known = [Field(share, f"{100 * share:.0f}") for share in knowledge(found, each)]
        name = latent_name(found, each)
        rows.append(HeatRow(name, f"z{each.number}", sigma, known, angles))
    return rows


def factors_found(found: Latents | None) -> str:
    """One sentence: which of the factors that vary some latent knows; empty without factors."""
    if found is None:
        return ""
    varying = [k for k, varies in enumerate(found.varying) if varies and found.ceilings[k] > 0]
    if not varying or not found.latents:
        return ""
    known = {each.number: knowledge(found, each) for each in found.latents}
    told, missing = [], []
    for k in varying:
        best = max(known, key=lambda number: known[number][k])
        if known[best][k] >= _FOUND:
            told.append(f"{_words(found.factors[k])} (z{best})")
        else:
            missing.append(_words(found.factors[k]))
    which = f": {', '.join(told)}" if told else ""
    others = f"; not {', '.join(missing)}" if told and missing else ""
    return (
        f"Of the {len(varying)} factors that vary, {len(told)} are known by a single latent to at "
        f"least half{which}{others}."
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
