"""Claims about the diagnosis: that it orders sets by what beta-VAEs reach on them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from vaescope.reproduction.claims import Claim, Measured, Part, verdict_of_gap, worst_of
from vaescope.reproduction.correlation import rank_correlation
from vaescope.reproduction.diagnosis.sets import ASIDE, DiagnosedSet, diagnosed_sets
from vaescope.reproduction.intervals import difference
from vaescope.reproduction.results import Results

AIM = 0.8
FEWEST = 5


def _correlated(sets: Sequence[DiagnosedSet], name: str, sign: int, label: str) -> Iterable[Part]:
    if len(sets) >= FEWEST:
        predicted = np.array([one.found["mig"] for one in sets])
        found = rank_correlation(predicted, sign * np.array([one.mean(name) for one in sets]))
        held = found.value >= AIM and found.low > 0
        verdict = "holds" if held else "fails" if found.high < AIM else "open"
        yield verdict, f"{label}: {found}"


def _all(results: Results, _: Measured) -> Iterable[Part]:
    yield from _correlated(diagnosed_sets(results), "MIG", 1, "MIG")


def _aside(results: Results, _: Measured) -> Iterable[Part]:
    kept = [one for one in diagnosed_sets(results) if one.name in ASIDE]
    yield from _correlated(kept, "MIG", 1, "MIG")


def _others(results: Results, _: Measured) -> Iterable[Part]:
    yield from _correlated(diagnosed_sets(results), "DCI", 1, "DCI")
    yield from _correlated(diagnosed_sets(results), "DtO / chance", -1, "- DtO / chance")


def _modified(results: Results, _: Measured) -> Iterable[Part]:
    by_name = {one.name: one for one in diagnosed_sets(results)}
    names = ["panels", *(f"entangled_0_{e}" for e in ("05", "1", "15", "2"))]
    yield from _ordered([by_name[name] for name in names if name in by_name], "entangled, falling")
    names = ["aligned_0_2", "aligned_0_1", "panels_turned_45"]
    yield from _ordered([by_name[name] for name in names if name in by_name], "aligned, rising")


def _ordered(sets: Sequence[DiagnosedSet], label: str) -> Iterable[Part]:
    """Whether prediction and MIG fall from set to set, the MIG by its interval over seeds."""
    found = []
    for first, second in pairwise(sets):
        _, low, high = difference(first.measured["MIG"], second.measured["MIG"])
        found.append(verdict_of_gap(low, high))
        found += ["fails"] * (first.found["mig"] < second.found["mig"])
    if found:
        shown = ", ".join(f"{one.found['mig']:.2f} {one.mean('MIG'):.2f}" for one in sets)
        yield worst_of(found), f"{label} (predicted, measured): {shown}"


CLAIMS: tuple[Claim, ...] = (
    ("Sets are in the order of their predicted MIG: rank correlation of 0.8 or more", _all),
    ("So are those that had no part in the choice of the predictor", _aside),
    ("So are they by DCI, and in reverse by DtO", _others),
    ("Modifications lower and raise prediction and MIG alike, in the order of epsilon", _modified),
)
