"""Chosen scores of one sample, each beside what gives it a meaning."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from statistics import NormalDist, stdev

from torch import Tensor

from vaescope.errors import NoScoreError
from vaescope.metrics.information_family import information_family
from vaescope.panel.families import (
    DEFAULT,
    FAMILIES,
    INFORMATION,
    INFORMATION_CONVENTION,
    Family,
    Numbers,
)
from vaescope.panel.sample import Sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """A score and its context.

    Attributes:
        score: of the sample.
        chance: mean over shuffles of the factors against the codes; None for a score without
            factors.
        ceiling: of the code with one latent per factor, equal to its value; None where there is no
            such code or no factor.
        low: lower end of the interval, score minus a normal quantile of the spread over rows;
            None if no repetition was asked for.
        high: upper end.
        convention: which of the field's readings it is.
    """

    score: float
    chance: float | None
    ceiling: float | None
    low: float | None
    high: float | None
    convention: str


def as_numbers(measured: Mapping[str, Measured]) -> dict[str, float]:
    """By log key without its part: the score, and what is known of its context."""
    numbers: dict[str, float] = {}
    for name, found in measured.items():
        context = {
            "": found.score,
            "_chance": found.chance,
            "_ceiling": found.ceiling,
            "_low": found.low,
            "_high": found.high,
        }
        numbers |= {f"{name}{end}": value for end, value in context.items() if value is not None}
    return numbers


def check_scores(scores: Sequence[str]) -> None:
    """Refuse names that are no scores.

    Raises:
        ValueError: if one is unknown; names those that are near.
    """
    known = (*INFORMATION, *FAMILIES)
    for name in scores:
        if name not in known:
            near = get_close_matches(name, known) or sorted(known)
            raise ValueError(f"score {name!r} is unknown; choose {', '.join(near)}")


def panel(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    variance: Tensor | None = None,
    scores: Sequence[str] = DEFAULT,
    repeats: int = 20,
    costly_repeats: int = 5,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Measured]:
    """Scores of codes by name, each beside its chance level, ceiling, interval and convention.

    Args:
        codes: one number per latent [N, D]; the field uses the posterior mean.
        factors: values of the factors [N, K].
        kinds: ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"`` per factor.
        variance: posterior variances [N, D], for ``mig_chen`` and ``separability`` alone.
        scores: names of ``INFORMATION`` and ``FAMILIES``; a family gives several numbers.
        repeats: shuffles (for chance) and halves of the rows (for the interval) of quick scores;
            0: neither. Scores of information have 20 shuffles at least, and which latents they
            count does not depend on it.
        costly_repeats: the same of slow ones; 0: neither.
        level: of the intervals.
        seed: of all draws.

    Returns:
        By name. A score that these factors do not allow (SAP of continuous factors alone, OMES
        where no two rows differ in one factor only, ...) is left out; the log says why.

    Raises:
        ValueError: if a score is unknown, shapes do not fit, values are not finite or a setting is
            out of range.

    Source: of the scores, see each; interval: Shao & Wu 1989, "A general theory for jackknife
    variance estimation", https://doi.org/10.1214/aos/1176347263, with half of the rows deleted: a
    bootstrap's repeated rows make noise look like structure to probes and neighbours. Differs:
    random halves, not all of them; scores of information have a bootstrap of their own.
    """
    check_scores(scores)
    if min(repeats, costly_repeats) < 0 or 1 in (repeats, costly_repeats):
        raise ValueError(
            f"repeats={repeats}, costly_repeats={costly_repeats}: give 0, or at least 2"
        )
    sample = Sample(codes, factors, kinds, variance=variance, seed=seed)
    found: dict[str, Measured] = {}
    wanted = [name for name in scores if name in INFORMATION]
    if wanted:
        every = _information(sample, repeats, level)
        found |= {name: every[name] for name in wanted}
    for name in dict.fromkeys(scores):
        if name in FAMILIES:
            family = FAMILIES[name]
            number = costly_repeats if family.cost == "high" else repeats
            found |= _in_context(name, family, sample, number, level)
    return found


def _information(sample: Sample, repeats: int, level: float) -> dict[str, Measured]:
    """Scores of the table of informations; its shuffles and resamples are one computation."""
    every = information_family(
        sample.codes,
        sample.factors,
        kinds=sample.kinds,
        repeats=repeats,
        level=level,
        seed=sample.seed,
    )
    return {
        name: Measured(
            each.score,
            each.chance,
            each.ceiling,
            each.low,
            each.high,
            INFORMATION_CONVENTION,
        )
        for name, each in every.items()
    }


def _in_context(
    name: str, family: Family, sample: Sample, repeats: int, level: float
) -> dict[str, Measured]:
    try:
        scores = family.compute(sample)
    except NoScoreError as error:
        _tell(f"score {name} is left out: {error}")
        return {}
    ceiling: Numbers = {}
    chance: list[Numbers] = []
    if family.supervised:
        chance = _each(family, sample.shuffled, repeats)
        if family.ceiling:
            ceiling = family.compute(sample.perfect())
    halves = _each(family, sample.half, repeats)
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    found = {}
    for key, score in scores.items():
        spread = quantile * stdev(one[key] for one in halves) if len(halves) > 1 else None
        found[key] = Measured(
            float(score),
            sum(one[key] for one in chance) / len(chance) if chance else None,
            ceiling.get(key),
            None if spread is None else score - spread,
            None if spread is None else score + spread,
            family.convention,
        )
    return found


@cache
def _tell(message: str) -> None:
    """Log a message once, not at every look."""
    log.warning(message)


def _each(family: Family, changed: Callable[[int], Sample], repeats: int) -> list[Numbers]:
    """Scores of changed samples, of those that can have them."""
    found = []
    for number in range(repeats):
        try:
            found.append(family.compute(changed(number)))
        except NoScoreError:  # half of the rows may lack what all have
            continue
    return found
