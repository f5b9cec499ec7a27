"""An audit in words: what its numbers say of the scores that are recommended."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from vaescope.audit.codes import CHANGES, FEW_ROWS
from vaescope.audit.findings import ALIKE, MOVED, SEEN, Audit, Audited, agreement_of
from vaescope.scores import DEFAULT_SCORES, PANEL_SCORES

_HIGH_CHANCE = 0.25  # of the way from the worst known code to the perfect one


def defaults(found: Audit) -> list[Audited]:
    """The numbers of the default scores that were measured."""
    return [each for each in found.scores if _family(each.name) in DEFAULT_SCORES]


def _family(name: str) -> str:
    record = PANEL_SCORES.get(name)
    family = record.family if record else None
    return family.name if family and family.name != "information" else name


def of_defaults(found: Audit) -> list[str]:
    """Sentences on the default scores, each from the numbers alone."""
    chosen = defaults(found)
    if not chosen:
        return ["None of the default scores was measured."]
    return [
        *_seen(chosen),
        *_few(chosen),
        *_moved(chosen),
        *_chance(chosen),
        *_pairs(found, chosen),
    ]


def _seen(chosen: Sequence[Audited]) -> Iterator[str]:
    unseen = []
    for change in CHANGES:
        seers = [each.name for each in chosen if change.name in each.sees]
        if not any(change.name in each.curves for each in chosen):
            continue
        if seers and len(seers) < len(chosen):
            yield f"{change.name.capitalize()}: {_listed(seers)} fall; the other defaults do not."
        elif seers:
            yield f"{change.name.capitalize()}: all defaults fall."
        else:
            unseen.append(change.name)
    if unseen:
        yield f"No default score falls by {SEEN:.0%} of its range with {_listed(unseen)}."
    if cover := _cover(chosen):
        changes = {change for each in chosen for change in each.sees if change != FEW_ROWS}
        see = "together see" if len(cover) > 1 else "alone sees"
        yield (
            f"{_listed(cover)} {see} every change that any default sees ({len(changes)}); chosen "
            "one by one, each for the most that was left."
        )


def _cover(chosen: Sequence[Audited]) -> list[str]:
    left = {change for each in chosen for change in each.sees if change != FEW_ROWS}
    cover = []
    while left:
        best = max(chosen, key=lambda each: len(left & {*each.sees}))
        cover.append(best.name)
        left -= {*best.sees}
    return cover


def _few(chosen: Sequence[Audited]) -> Iterator[str]:
    curves = {each.name: each.curves[FEW_ROWS] for each in chosen if FEW_ROWS in each.curves}
    if not curves:
        return
    times = next(iter(curves.values())).amounts[-1]
    moved = [f"{name} ({-c.last:+.2f})" for name, c in curves.items() if abs(c.last) >= SEEN]
    told = _listed(moved) if moved else "no default score"
    yield (
        f"With {times:g} times as few rows the medium code is scored otherwise, in shares of the "
        f"range: {told}. Compare codes of equally many rows only."
    )


def _moved(chosen: Sequence[Audited]) -> Iterator[str]:
    names = {name for each in chosen for name in each.moved}
    for new in sorted(names):
        moved = [
            f"{each.name} ({each.moved[new]:.2f})"
            for each in chosen
            if each.moved.get(new, 0) >= MOVED
        ]
        told = _listed(moved) if moved else "none"
        yield f"Default scores that change under {new} of the latents: {told}."


def _chance(chosen: Sequence[Audited]) -> Iterator[str]:
    lucky = []
    for each in chosen:
        worst = each.high if each.good == "low" else each.low
        way = each.perfect - worst
        if each.chance is not None and way and (each.chance - worst) / way >= _HIGH_CHANCE:
            lucky.append(f"{each.name} ({each.chance:.2f})")
    if lucky:
        yield (
            f"Codes beside shuffled factors are far from the worst code by {_listed(lucky)}: read "
            "these beside their chance levels."
        )


def _pairs(found: Audit, chosen: Sequence[Audited]) -> Iterator[str]:
    alike, apart = [], []
    for one, other in combinations([each.name for each in chosen], 2):
        tau = agreement_of(found, one, other)
        if tau is not None and tau >= ALIKE:
            alike.append(f"{one} and {other} ({tau:.2f})")
        elif tau is not None and tau <= 0:
            apart.append(f"{one} and {other} ({tau:.2f})")
    if alike:
        yield f"Order the known codes alike, by Kendall's tau: {_listed(alike)}."
    elif len(chosen) > 1:
        yield f"No two defaults order the known codes alike (Kendall's tau of {ALIKE} or more)."
    if apart:
        yield f"Order them in no agreement, or reversely: {_listed(apart)}."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
