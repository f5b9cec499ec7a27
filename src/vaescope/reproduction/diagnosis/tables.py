"""Tables: each set's prediction beside what was measured, and how well each number predicts."""

from collections.abc import Mapping, Sequence

import numpy as np

from vaescope.reproduction.claims import Measured
from vaescope.reproduction.correlation import rank_correlation
from vaescope.reproduction.diagnosis.sets import (
    ASIDE,
    MEASURED,
    DiagnosedSet,
    diagnosed_sets,
    predictors,
)
from vaescope.reproduction.results import Results

Table = tuple[Sequence[str], list[list[str]]]


def tables_of(results: Results, _: Measured) -> Mapping[str, Table]:
    """``sets``, and ``predictors`` where there are sets enough to compare them."""
    sets = diagnosed_sets(results)
    columns = (
        "set",
        "factors",
        "beta",
        "predicted MIG",
        "alignment",
        *MEASURED,
        "seeds",
        "over-pruned",
    )
    rows = []
    for one in sorted(sets, key=lambda one: -one.found["mig"]):
        low, high = one.found["mig_interval"]
        rows.append(
            [
                one.name,
                str(len(one.found["factors"])),
                f"{one.beta:.3g}",
                f"{one.found['mig']:.2f} ({low:.2f} to {high:.2f})",
                f"{one.found['alignment']:.2f}",
                *(_shown(one.measured[name]) for name in MEASURED),
                str(len(one.measured["MIG"])),
                one.over_pruned,
            ]
        )
    found: dict[str, Table] = {"sets": (columns, rows)} if rows else {}
    if len(sets) >= 5:
        found["predictors"] = _predictors(sets)
    return found


def _predictors(sets: Sequence[DiagnosedSet]) -> Table:
    """Rank correlations of what predicts and the MIG, over sets, the highest first."""
    every = [predictors(one) for one in sets]
    migs = np.array([one.mean("MIG") for one in sets])
    chosen = np.array([one.name not in ASIDE for one in sets])
    compared = []
    for name in every[0]:
        values = np.array([numbers[name] for numbers in every])
        whole = rank_correlation(values, migs)
        parts = [rank_correlation(values[p], migs[p]) for p in (chosen, ~chosen) if p.sum() > 2]
        compared.append((whole.value, [name, str(whole), *map(str, parts)]))
    compared.sort(key=lambda pair: -np.nan_to_num(pair[0], nan=-1))
    heads = ("predictor", "all sets", "sets it was chosen on", "sets kept aside")
    return (heads, [[*row, *[""] * (4 - len(row))] for _, row in compared])


def _shown(values: np.ndarray) -> str:
    if not len(values):
        return ""
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"
