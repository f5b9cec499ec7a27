"""Cards at the head of a run's page: five numbers, each between the ends it is read against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vaescope.scores import OVER_PRUNED, is_over_pruned, name_of, record_of

POLARIZED = 0.03  # gap below which a run counts as polarized

Numbers = Mapping[str, Sequence[float]]  # by score, one of each seed that has it


@dataclass(frozen=True)
class Bar:
    """A bar that is filled from the left; places are percent of its length."""

    share: float
    left: str  # what its ends are
    right: str
    tick: float | None = None
    spread: tuple[float, float] | None = None  # over seeds: where it begins, how long it is


@dataclass(frozen=True)
class Card:
    """One number, what it is read against, what it means in a line."""

    name: str
    value: str
    meaning: str
    unit: str = ""  # of several seeds their range
    bar: Bar | None = None
    beside: str = ""
    mark: str = ""  # a verdict in words
    is_good: bool = True


def cards_of(
    rows: Sequence[Mapping[str, Any]],
    untrained: float | None = None,
    num_latents: int | None = None,
    varying: Sequence[str] = (),
) -> list[Card]:
    """The cards of the scores that a run has, at most five.

    Args:
        rows: of ``scores.json``, one a seed.
        untrained: reconstruction loss before the first update, if it is known.
        num_latents: D, if it is known.
        varying: names of the factors that vary.
    """
    numbers = numbers_by_name(rows)
    is_coin = bool(rows) and rows[0].get("likelihood") == "Bernoulli"
    made = (
        _mig(numbers),
        _orthogonality(numbers),
        _active(numbers, num_latents, varying),
        _polarization(numbers),
        _reconstruction(numbers, untrained, "nats" if is_coin else ""),
    )
    return [card for card in made if card is not None]


def numbers_by_name(rows: Sequence[Mapping[str, Any]]) -> Numbers:
    """Every score of the rows by its name, ``mig`` of ``test/mig``."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            if "/" in key and isinstance(value, int | float):
                found.setdefault(name_of(key), []).append(float(value))
    return found


def _mig(numbers: Numbers) -> Card | None:
    if not numbers.keys() >= {"mig", "mig_chance", "mig_ceiling"}:
        return None
    values = numbers["mig"]
    chance, ceiling = fmean(numbers["mig_chance"]), fmean(numbers["mig_ceiling"])
    way = 100 * (fmean(values) - chance) / (ceiling - chance) if ceiling > chance else 0.0
    return Card(
        "MIG",
        f"{fmean(values):.2f}",
        f"{_meaning('mig')} From 0 to 1, high is good. The bar runs from chance, the same codes "
        "with shuffled factors, to what a perfect code reaches with these bins.",
        _range(values),
        _bar(values, chance, ceiling, f"chance {chance:.2f}", f"ceiling {ceiling:.2f}"),
        f"{way:.0f} % of the way from chance to ceiling" if way > 0 else "not above chance",
    )


def _orthogonality(numbers: Numbers) -> Card | None:
    name = next((n for n in ("dto_active", "dto") if n in numbers), None)
    if name is None or f"{name}_chance" not in numbers:
        return None
    values, chance = numbers[name], fmean(numbers[f"{name}_chance"])
    which = "of active latents" if name == "dto_active" else "of all latents"
    ratio = f"{fmean(values) / chance:.2f} of a random rotation's, " if chance else ""
    return Card(
        "Distance to orthogonality",
        f"{fmean(values):.2f}",
        "How far the decoder's local principal directions are from the latent axes: 0 where they "
        "are the axes (the columns of its Jacobian are orthogonal), the right end by chance.",
        _range(values),
        _bar(values, 0, chance, "0: along the axes", f"chance {chance:.2f}"),
        f"{ratio}{which}",
    )


def _active(numbers: Numbers, num_latents: int | None, varying: Sequence[str]) -> Card | None:
    by_variance = "active_by_variance" in numbers
    name = "active_by_variance" if by_variance else "active_by_mean"
    if name not in numbers:
        return None
    values, wanted = numbers[name], len(varying)
    rule = "whose posterior variance is below 0.8 on average (ICML 2021)"
    if not by_variance:
        rule = "whose mean varies by more than 0.5 (CVPR 2019)"
    meaning = f"Latents {rule}, beside the factors that vary."
    flags = [flag > 0 for flag in numbers.get(OVER_PRUNED.name, ())]
    if not flags and by_variance and wanted:  # of a run from before the flag was kept
        flags = [bool(is_over_pruned(value, wanted)) for value in values]
    mark, pruned = "", sum(flags)
    if flags:
        meaning += " Over-pruned: fewer active latents than such factors."
        mark = "enough for every factor" if not pruned else "over-pruned"
        mark += f": {pruned} of {len(flags)} seeds" if pruned and len(flags) > 1 else ""
    bar = None
    if num_latents:
        told = f"{num_latents} latents"
        bar = _bar(values, 0, num_latents, "0", told, wanted or None)
    return Card(
        "Active latents",
        f"{fmean(values):.3g}",
        meaning,
        _range(values) or (f"of {num_latents}" if num_latents else ""),
        bar,
        "1 factor varies" if wanted == 1 else f"{wanted} factors vary" if wanted else "",
        mark,
        not pruned,
    )


def _polarization(numbers: Numbers) -> Card | None:
    values = numbers.get("polarization_gap")
    if not values:
        return None
    gap, share = fmean(values), numbers.get("polarized_share")
    since = ""
    if share and fmean(share) > 0:
        since = f"below 3 % in the last {100 * fmean(share):.0f} % of training"
    return Card(
        "Δ_KL",
        _percent(gap),
        "How far the KL is from its form in the polarized regime, in which a latent is either "
        "precise or switched off. Below 3 % (the mark) a run counts as polarized.",
        f"{_percent(min(values))} to {_percent(max(values))}" if len(values) > 1 else "",
        _bar(values, 0, top := max(0.1, *values), "0", _percent(top), POLARIZED),
        since,
        "polarized" if max(values) < POLARIZED else "not polarized",
        max(values) < POLARIZED,
    )


def _reconstruction(numbers: Numbers, untrained: float | None, unit: str) -> Card | None:
    values = numbers.get("reconstruction")
    if not values:
        return None
    bar, beside = None, ""
    if untrained is not None and untrained > 0:
        bar = _bar(values, 0, untrained, "0", f"untrained {_amount(untrained)}")
        change = 100 * (1 - fmean(values) / untrained)
        beside = f"{abs(change):.0f} % {'below' if change >= 0 else 'above'} the untrained model"
    return Card(
        "Reconstruction",
        _amount(fmean(values)),
        f"{_meaning('reconstruction')} Low is good.",
        " ".join(filter(None, (unit, _range(values)))),
        bar,
        beside,
    )


def _bar(
    values: Sequence[float],
    low: float,
    high: float,
    left: str,
    right: str,
    tick: float | None = None,
) -> Bar:
    def place(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.0
        return round(100 * min(max(share, 0.0), 1.0), 1)

    start, end = place(min(values)), place(max(values))
    spread = (start, round(end - start, 1)) if len(values) > 1 else None
    return Bar(place(fmean(values)), left, right, None if tick is None else place(tick), spread)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}" if len(values) > 1 else ""


def _amount(value: float) -> str:
    """Four digits; of what is large, whole numbers."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def _meaning(name: str) -> str:
    record = record_of(name)
    text = record.meaning if record else name
    ending = "" if text.endswith(("?", ".")) else "."
    return f"{text[:1].upper()}{text[1:]}{ending}"
