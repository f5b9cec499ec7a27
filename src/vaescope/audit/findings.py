"""What an audit says: what each score sees, what changes it that should not, which agree."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from scipy.stats import kendalltau, spearmanr

from vaescope.audit.codes import CHANGES, FEW_ROWS, MEDIUM, NEW_NAMES, REFERENCE
from vaescope.audit.measuring import Measurement
from vaescope.scores import PANEL_SCORES

SEEN = 0.05  # of a score's range, from which on it has seen a change
MOVED = 0.01  # of a score's range, from which on a new name has moved it
ALIKE = 0.9  # Kendall's tau, from which on two scores say the same


@dataclass(frozen=True)
class Curve:
    """A score over the amounts of one change, the unchanged code first."""

    amounts: Sequence[float]
    values: Sequence[float]
    # how much worse than unchanged, as shares of the score's range over all known codes; below 0
    # where the score rises
    losses: Sequence[float]
    verdict: str  # falls, rises, blind, or falls and rises

    @property
    def last(self) -> float:
        """Loss at the largest amount."""
        return self.losses[-1]

    @property
    def seen_from(self) -> float | None:
        """The first amount that lowers the score by `SEEN`; None: none does."""
        pairs = zip(self.amounts, self.losses, strict=True)
        return next((amount for amount, loss in pairs if loss >= SEEN), None)


@dataclass(frozen=True)
class Audited:
    """One score's answers to all known codes."""

    name: str
    good: str  # which end of it is good, ``high`` or ``low``; empty: neither
    perfect: float
    chance: float | None  # mean over shuffled factors; None: no factors enter, or it has none
    low: float  # of all known codes
    high: float
    seconds: float  # of processor time for the medium code, with the scores of one computation
    curves: Mapping[str, Curve]  # by change
    moved: Mapping[str, float]  # by new name: change of the medium code's score, share of the range

    @property
    def sees(self) -> list[str]:
        """The changes that lower it."""
        return [name for name, curve in self.curves.items() if curve.verdict.startswith("falls")]


@dataclass(frozen=True)
class Audit:
    """All scores, and how their orders of the known codes agree."""

    scores: Sequence[Audited]
    # by pairs of names, Kendall's tau-b and Spearman's rho over the changed codes; None: one of the
    # two is the same for all
    kendall: Mapping[tuple[str, str], float | None] = field(default_factory=dict)
    spearman: Mapping[tuple[str, str], float | None] = field(default_factory=dict)
    num_codes: int = 0  # that the agreement is over


def audit(measured: Sequence[Measurement]) -> Audit:
    """The audit of what was measured; scores that the perfect code cannot have are left out."""
    by_name = {each.name: each for each in measured}
    names = [name for name in PANEL_SCORES if name in by_name[REFERENCE].scores]
    names += [name for name in by_name[REFERENCE].scores if name not in PANEL_SCORES]
    changed = [each for each in measured if _is_changed(each)]
    goodness = {name: [_goodness(name, each) for each in changed] for name in names}
    kendall, spearman = {}, {}
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            kendall[one, other] = _agreement(goodness[one], goodness[other], kendalltau)
            spearman[one, other] = _agreement(goodness[one], goodness[other], spearmanr)
    scores = [_audited(name, measured) for name in names]
    return Audit(scores, kendall, spearman, len(changed))


def _is_changed(each: Measurement) -> bool:
    """Whether it is one of the codes whose order scores are compared by: all rows, old names."""
    return each.change != FEW_ROWS and each.change not in NEW_NAMES


def _sign(name: str) -> int:
    record = PANEL_SCORES.get(name)
    return -1 if record is not None and record.good == "low" else 1


def _goodness(name: str, each: Measurement) -> float:
    return _sign(name) * each.scores.get(name, math.nan)


def _audited(name: str, measured: Sequence[Measurement]) -> Audited:
    by_name = {each.name: each for each in measured}
    values = [each.scores[name] for each in measured if name in each.scores and _is_changed(each)]
    low, high = _range(values)
    span = high - low
    perfect = by_name[REFERENCE].scores[name]
    medium = by_name.get(MEDIUM)
    start = perfect if medium is None else medium.scores.get(name, perfect)

    def loss(before: float, value: float) -> float:
        if before == value or span <= 1e-12 * max(1.0, abs(high)):
            return 0.0
        return max(-9.99, min(9.99, _sign(name) * (before - value) / span))

    unchanged = {change.name: (change.unchanged, perfect) for change in CHANGES}
    curves = {}
    for change, (least, before) in {**unchanged, FEW_ROWS: (1.0, start)}.items():
        some = [each for each in measured if each.change == change and name in each.scores]
        if some:
            line = [before, *(each.scores[name] for each in some)]
            curves[change] = _curve([least, *(each.amount for each in some)], line, loss)
    moved = {
        new: abs(loss(start, by_name[new].scores[name]))
        for new in NEW_NAMES
        if new in by_name and name in by_name[new].scores
    }
    shuffled = [each.scores[name] for each in measured if each.change == "shuffled"]
    record = PANEL_SCORES.get(name)
    supervised = record is None or record.family is None or record.family.supervised
    return Audited(
        name,
        (record.good or "") if record else "high",
        perfect,
        fmean(shuffled) if shuffled and supervised else None,
        low,
        high,
        (medium or by_name[REFERENCE]).seconds.get(name, 0.0),
        curves,
        moved,
    )


def _curve(
    amounts: Sequence[float], values: Sequence[float], loss: Callable[[float, float], float]
) -> Curve:
    losses = [loss(values[0], value) for value in values]
    return Curve(amounts, values, losses, _verdict(losses))


def _verdict(losses: Sequence[float]) -> str:
    """What a curve of losses does, by steps of `SEEN`."""
    falls, rises = max(losses) >= SEEN, min(losses) <= -SEEN
    lowest = [max(losses[: n + 1]) for n in range(len(losses))]
    turns = any(worst - loss >= SEEN for worst, loss in zip(lowest, losses, strict=True))
    if falls:
        return "falls and rises" if turns or rises else "falls"
    return "rises" if rises else "blind"


def _agreement(one: Sequence[float], other: Sequence[float], measure: object) -> float | None:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if not math.isnan(a + b)]
    rounded = [_thousandths(column) for column in zip(*pairs, strict=True)]
    if len(pairs) < 3 or min(len({*column}) for column in rounded) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(measure(*rounded).statistic)  # type: ignore[operator]
    return None if math.isnan(value) else value


def _thousandths(values: Sequence[float]) -> list[float]:
    """Values to a thousandth of their range: what differs by less is a tie, not an order."""
    low, high = _range(values)
    span = high - low or 1.0
    return [round(value / span, 3) for value in values]


def _range(values: Iterable[float]) -> tuple[float, float]:
    """Least and largest of the values that are finite; 0 and 0 without any."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite, default=0.0), max(finite, default=0.0)


def agreement_of(found: Audit, one: str, other: str) -> float | None:
    """Kendall's tau-b of two scores, whichever is named first."""
    if one == other:
        return 1.0
    pair = (one, other) if (one, other) in found.kendall else (other, one)
    return found.kendall[pair]
