"""The table of scores: every number that a run or an evaluation has left, the chief ones first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from vaescope.report.terminal import OF_YOUR_OWN, shown_mean, shown_published
from vaescope.scores import (
    CHIEF_SCORES,
    DEFAULT_SCORES,
    GROUPS,
    YOUR_OWN,
    Score,
    group_of,
    heading,
    name_of,
    record_of,
    table_keys,
)

Rows = Sequence[Mapping[str, Any]]

_CHIEF = {*CHIEF_SCORES, *DEFAULT_SCORES, "kl", "active_by_variance", "variance_relation", "udr"}
_CHIEF -= {"active_latents"}  # of most runs the same number as active_by_variance
_BESIDE = ("chance", "ceiling", "untrained")


@dataclass(frozen=True)
class ScoreBar:
    """Where a score lies on its scale, from 0 on the left; places are percent of its length."""

    share: float
    ticks: Sequence[float]  # chance, ceiling, as far as they are known
    spread: tuple[float, float] | None = None  # over seeds, or the interval: begin and length


@dataclass(frozen=True)
class ScoreLine:
    """One score, what it is read against, and what it means."""

    key: str
    name: str
    value: str
    interval: str  # 95 %, over rows of the sample
    published: str
    bar: ScoreBar | None
    beside: str  # chance, ceiling, untrained
    meaning: str
    range: str
    moved_by: str


@dataclass(frozen=True)
class ScoreGroup:
    """Scores under a heading."""

    title: str
    lines: Sequence[ScoreLine]


def score_groups(
    rows: Rows, published: Mapping[str, Any]
) -> tuple[list[ScoreGroup], list[ScoreGroup]]:
    """Every score once: those that pages show, and the others, which they fold.

    Args:
        rows: of ``scores.json``, one a seed.
        published: ``[mean, std]`` that a paper prints, by log key.
    """
    keys = table_keys(rows)
    chief = [key for key in keys if _is_chief(key, published)]
    others = [key for key in keys if key not in chief]
    return _grouped(rows, chief, published), _grouped(rows, others, published)


def scores_note(rows: Rows) -> str:
    """What all numbers of the table have in common, and how its bars are read."""
    part = f" of the {rows[0]['split']} part" if rows[0].get("split") else ""
    seeds = "one seed"
    if len(rows) > 1:
        seeds = f"mean ± standard deviation over {len(rows)} seeds; the thin line is their range"
    elif any(key.endswith("_low") for key in rows[0]):
        seeds += "; the thin line is the 95 % interval over rows of this sample, not over seeds"
    return (
        f"On {rows[0]['num_samples']:,} observations{part}, losses and the decoder's Jacobians on "
        f"fewer; {seeds}. Bars begin at 0. The marks on them are chance (the same codes beside "
        "shuffled factors, or a random rotation) and the ceiling (a code with one latent per "
        "factor, equal to its value)."
    )


def _is_chief(key: str, published: Mapping[str, Any]) -> bool:
    record, name = record_of(key), name_of(key)
    if record is None or group_of(key) == YOUR_OWN or key in published:
        return True
    return name in _CHIEF or (record.family is not None and record.family.name in _CHIEF)


def _grouped(rows: Rows, keys: Sequence[str], published: Mapping[str, Any]) -> list[ScoreGroup]:
    found: dict[str, list[ScoreLine]] = {title: [] for title in GROUPS}
    for key in keys:
        found[group_of(key)].append(_line(rows, key, shown_published(published.get(key))))
    return [ScoreGroup(title, lines) for title, lines in found.items() if lines]


def _line(rows: Rows, key: str, published: str) -> ScoreLine:
    record = record_of(key)
    low, high = (shown_mean(rows, f"{key}_{end}", 3) for end in ("low", "high"))
    beside = ((end, shown_mean(rows, f"{key}_{end}", 3)) for end in _BESIDE)
    name = heading(key)
    return ScoreLine(
        key=key,
        name=f"{name[:1].upper()}{name[1:]}",
        value=shown_mean(rows, key),
        interval=f"{low} to {high}" if low else "",
        published=published,
        bar=_bar(rows, key, record),
        beside=", ".join(f"{end} {value}" for end, value in beside if value),
        meaning=record.meaning if record else OF_YOUR_OWN,
        range=record.range_and_good_end if record and record.range else "",
        moved_by=record.moved_by if record else "",
    )


def _bar(rows: Rows, key: str, record: Score | None) -> ScoreBar | None:
    """From 0 to 1, or to what chance brings where that is the far end; None without a scale."""
    values, chance, ceiling = (_values(rows, f"{key}{end}") for end in ("", "_chance", "_ceiling"))
    is_share = bool(ceiling) or (record is not None and record.range.startswith("0 to 1"))
    if not (is_share or chance) or min(values) < 0:
        return None
    top = 1.0 if is_share else max(*values, *chance)

    def place(value: float) -> float:
        return round(100 * min(max(value / top, 0.0), 1.0), 1) if top > 0 else 0.0

    low, high = (_values(rows, f"{key}_{end}") for end in ("low", "high"))
    ends = (min(values), max(values)) if len(values) > 1 else (*low, *high)
    spread = (place(ends[0]), round(place(ends[1]) - place(ends[0]), 1)) if ends else None
    ticks = [place(fmean(level)) for level in (chance, ceiling) if level]
    return ScoreBar(place(fmean(values)), ticks, spread)


def _values(rows: Rows, key: str) -> list[float]:
    return [row[key] for row in rows if isinstance(row.get(key), int | float)]
