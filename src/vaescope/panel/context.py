"""Score panel: several scores beside chance level, ceiling, interval and convention."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import NormalDist, stdev
from typing import Any

import numpy as np
from torch import Tensor

from vaescope.errors import NoScoreError, closest
from vaescope.metrics.information.family import information_family
from vaescope.panel.repetitions import NO_FACTORS, REFUSALS, Outcome, Repetitions, Tell, compute_all
from vaescope.panel.sample import Sample, as_tensor, looks_transposed
from vaescope.scores import DEFAULT_SCORES, FAMILIES, INFORMATION, INFORMATION_SCORES

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """A score and its context."""

    score: float  # of the sample
    # mean over shuffles of the factors against the codes; None for a score without factors
    chance: float | None
    # of the code with one latent per factor, equal to its value; None where there is no such code
    # or no factor
    ceiling: float | None
    # lower end of the interval, score minus a normal quantile of the spread over rows; None if no
    # repetition was asked for, or the spread is not finite
    low: float | None
    high: float | None  # upper end
    convention: str  # which of the field's readings it is


def as_numbers(measured: Mapping[str, Measured]) -> dict[str, float]:
    """By log key without its part: the score, and what is known of its context."""
    numbers = {}
    for name, found in measured.items():
        numbers[name] = found.score
        for end in ("chance", "ceiling", "low", "high"):
            if getattr(found, end) is not None:
                numbers[f"{name}_{end}"] = getattr(found, end)
    return numbers


def score_names(scores: str | Sequence[str]) -> tuple[str, ...]:
    """Names of one or several scores, each once, in their order; unknown ones are refused."""
    names = (scores,) if isinstance(scores, str) else tuple(dict.fromkeys(scores))
    if not names:
        raise ValueError("no score was named; choose some, as scores=['mig', 'dci']")
    known = (*INFORMATION_SCORES, *FAMILIES)
    for name in names:
        if name not in known:
            raise ValueError(f"score {name!r} is unknown{closest(name, known)}")
    return names


def check_repeats(repeats: int, costly_repeats: int) -> None:
    """Refuse a single repetition, which has no spread, and less than none."""
    if min(repeats, costly_repeats) < 0 or 1 in (repeats, costly_repeats):
        given = f"repeats={repeats}, costly_repeats={costly_repeats}"
        raise ValueError(f"{given}: give 0, or at least 2")


def score_panel(
    codes: Tensor | np.ndarray,
    factors: Tensor | np.ndarray,
    *,
    kinds: Sequence[str] | None = None,
    variance: Tensor | np.ndarray | None = None,
    scores: str | Sequence[str] = DEFAULT_SCORES,
    repeats: int = 20,
    costly_repeats: int = 5,
    level: float = 0.95,
    seed: int = 0,
    tell: Tell = log.warning,
) -> dict[str, Measured]:
    """Scores of codes by name, each beside its chance level, ceiling, interval and convention.

    Args:
        codes: one number per latent [N, D], a tensor, an array or lists; the field uses the
            posterior mean.
        factors: values of the factors [N, K]; K = 0 for scores of the codes alone.
        kinds: ``"ordinal"``, ``"circular"``, ``"categorical"`` or ``"continuous"`` per factor.
        variance: posterior variances [N, D], for ``mig_chen``, ``rmig`` and ``separability``.
        scores: one name or several, of ``INFORMATION_SCORES`` and ``FAMILIES``.
        repeats: shuffles (for chance) and halves of the rows (for the interval) of quick scores;
            0: neither. Scores of information have 20 shuffles at least, and which latents they
            count does not depend on it.
        costly_repeats: the same of slow ones; 0: neither.
        level: of the intervals.
        seed: of all draws.
        tell: gets a sentence for every score that is left out: why, and what to do.

    Returns:
        By name. A score that these rows do not allow (SAP of continuous factors alone, OMES where
        no two rows differ in one factor only, ...) is left out and told; the others are measured.

    Raises:
        ValueError: if a score is unknown, shapes do not fit or look transposed, values are not
            finite or a setting is out of range.

    Source: of the scores, see each; interval: Shao & Wu 1989, "A general theory for jackknife
    variance estimation", https://doi.org/10.1214/aos/1176347263, with half of the rows deleted: a
    bootstrap's repeated rows make noise look like structure to probes and neighbours. Differs:
    random halves, not all of them; scores of information have a bootstrap of their own.
    """
    names = score_names(scores)
    check_repeats(repeats, costly_repeats)
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give above 0 and below 1")
    codes, factors = as_tensor("codes", codes), as_tensor("factors", factors)
    variance = None if variance is None else as_tensor("variances", variance)
    sample = Sample(codes, factors, kinds, variance=variance, seed=seed)
    if looks_transposed(codes.shape, factors.shape):
        rows = f"{len(codes)} rows of {codes.shape[1]} latents and {factors.shape[1]} factors"
        raise ValueError(f"{rows}: transpose? codes are [N, D] and factors [N, K]")
    found: dict[str, Measured] = {}
    wanted = [name for name in names if name in INFORMATION_SCORES]
    if wanted:
        try:
            every = _measure_information(sample, repeats, level)
            found |= {name: every[name] for name in wanted}
        except REFUSALS as error:
            are = f"score {wanted[0]} is" if len(wanted) == 1 else f"scores {', '.join(wanted)} are"
            tell(f"{are} left out: {error}")
    families = []
    for name in names:
        if name in FAMILIES:
            number = costly_repeats if FAMILIES[name].cost == "high" else repeats
            families.append(Repetitions(name, FAMILIES[name], sample, number))
    for one, outcomes in zip(families, compute_all(families, sample), strict=True):
        try:
            found |= _measured(one, outcomes, level, tell)
        except REFUSALS as error:
            tell(f"score {one.name} is left out: {error}")
    return found


def _measure_information(sample: Sample, repeats: int, level: float) -> dict[str, Measured]:
    """Scores of the table of informations; its shuffles and resamples are one computation."""
    if not sample.kinds:
        raise NoScoreError(NO_FACTORS)
    settings: dict[str, Any] = {"repeats": repeats, "level": level, "seed": sample.seed}
    every = information_family(sample.codes, sample.factors, kinds=sample.kinds, **settings)
    return {
        name: Measured(e.score, e.chance, e.ceiling, e.low, e.high, INFORMATION.convention)
        for name, e in every.items()
    }


def _measured(
    repetitions: Repetitions, outcomes: Sequence[Outcome], level: float, tell: Tell
) -> dict[str, Measured]:
    """The scores of a family with their context, of the outcomes of its calls."""
    scores, changed = repetitions.numbers(outcomes, tell)
    chance, ceiling = changed.get("chance level", []), changed.get("ceiling", [])
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    found = {}
    for key, score in scores.items():
        ends = [one[key] for one in changed["interval"] if key in one]
        by_chance = [one[key] for one in chance if key in one]
        mean = sum(by_chance) / len(by_chance) if by_chance else None
        best = ceiling[0].get(key) if ceiling else None
        low = high = None
        if len(ends) > 1 and all(map(isfinite, (score, *ends))):
            spread = quantile * stdev(ends)
            low, high = score - spread, score + spread
        found[key] = Measured(score, mean, best, low, high, repetitions.family.convention)
    return found
