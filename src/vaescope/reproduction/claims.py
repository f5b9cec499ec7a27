"""Claims of a paper, each tested on the runs at hand.

A claim is a function of the results that says a verdict and the numbers behind it. An ordering is
tested by the 95 % interval over seeds of the difference of means: "holds" if all lie on the right
side, "fails" if one lies on the wrong side, "open" if the seeds cannot decide.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vaescope.reproduction.intervals import difference
from vaescope.reproduction.results import Results

Measured = Mapping[str, Mapping[str, Sequence[float]]]  # run -> number -> one value a seed
Part = tuple[str, str]  # verdict and numbers of one part of a claim
NOT_TESTED = "not tested"
Claim = tuple[str, Callable[[Results, Measured], Iterable[Part]]]

_WORDS = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "open": ("is open", "are open"),
    NOT_TESTED: ("is not tested", "are not tested"),
}


@dataclass(frozen=True)
class Verdict:
    """What became of one claim: ``holds``, ``fails``, ``open`` or ``not tested``, and why."""

    number: int
    claim: str
    verdict: str
    numbers: str


def judged(claims: Sequence[Claim], results: Results, measured: Measured) -> list[Verdict]:
    """One verdict a claim: the worst of its parts."""
    made = []
    for number, (claim, test) in enumerate(claims, 1):
        parts = list(test(results, measured))
        worst = worst_of([verdict for verdict, _ in parts])
        made.append(Verdict(number, claim, worst, "; ".join(numbers for _, numbers in parts)))
    return made


def verdicts_in_words(verdicts: Sequence[str]) -> str:
    """One sentence on how many claims hold; nothing where there are none.

    Example:
        >>> verdicts_in_words(["holds", "not tested", "holds"])
        'Of 3 claims: 2 hold, 1 is not tested.'
    """
    counts = Counter(verdicts)
    told = [f"{n} {_WORDS[verdict][n > 1]}" for verdict in _WORDS if (n := counts[verdict])]
    return f"Of {len(verdicts)} claims: {', '.join(told)}." if told else ""


def verdict_of_gap(low: float, high: float) -> str:
    """Verdict on a difference that a claim says to be above 0, from its 95 % interval."""
    return "holds" if low > 0 else "fails" if high < 0 else "open"


def worst_of(verdicts: Sequence[str]) -> str:
    """``fails`` before ``open`` before ``holds``; ``not tested`` of none."""
    return next((v for v in ("fails", "open", "holds") if v in verdicts), NOT_TESTED)


def scores(results: Results, name: str, key: str) -> np.ndarray:
    """A final score of every seed of a run; empty without the run."""
    return results[name].values(key) if name in results else np.array([])


def less(results: Results, key: str, a: str, b: str, label: str) -> Iterable[Part]:
    """Whether run a has less of ``key`` than run b."""
    first, second = scores(results, a, key), scores(results, b, key)
    if len(first) and len(second):
        _, low, high = difference(second, first)
        means = f"{first.mean():.2f}, {second.mean():.2f}"
        yield verdict_of_gap(low, high), f"{label}: {means} ({low:+.2f} to {high:+.2f})"


def bound(found: Iterable[float], ok: Callable[[float], bool], label: str) -> Iterable[Part]:
    """Whether a mean over seeds is where it should be."""
    numbers = np.array(list(found))
    if len(numbers):
        mean = float(numbers.mean())
        yield ("holds" if ok(mean) else "fails"), f"{label} {mean:.3g} (n = {len(numbers)})"
