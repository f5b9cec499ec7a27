"""Tables: methods on each set, what goes with MIG, choices without labels, weights of pilots."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from vaescope.report.html.tables import mean_and_std
from vaescope.reproduction.claims import Measured
from vaescope.reproduction.methods.correlations import correlated, not_above, taken
from vaescope.reproduction.methods.measured import (
    DCI,
    DTO,
    MIG,
    SCORES,
    Finished,
    Pooled,
    finished,
    pooled,
)
from vaescope.reproduction.methods.names import SETS
from vaescope.reproduction.methods.weights import Pilot, choice_of
from vaescope.reproduction.paper import OwnTable
from vaescope.reproduction.results import Results
from vaescope.scores import over_pruned_share

SHOWN = (MIG, DCI, DTO, "Δ_KL", "active latents", "reconstruction", "UDR")
COLUMNS = ("method", "weight", *SHOWN, "s a seed", "seeds", "over-pruned", "diverged")
OF_WEIGHTS = ("method", "set", "option", "weakest to strongest", "pilots", "chosen")


def tables_of(results: Results, _: Measured) -> Mapping[str, OwnTable]:
    """Methods on each set, correlations with MIG and DCI, runs taken without labels, weights."""
    every = list(finished(results))
    if not every:
        return {}
    found: dict[str, OwnTable] = {}
    for data, title in SETS.items():
        here = sorted((one for one in every if one.of.data == data), key=lambda one: -one.mean(MIG))
        if here:
            found[title] = COLUMNS, [_row(one) for one in here]
    for target in (MIG, DCI):
        found[f"correlation with {target}"] = _correlations(every, target)
    found["taken without labels"] = _taken(every)
    if weights := list(_weights(every)):
        found["weights"] = OF_WEIGHTS, weights
    if reductions := list(_reductions(every)):
        found["reductions"] = ("against the full scale", "runs"), reductions
    return found


def _row(one: Finished) -> list[str]:
    choice = choice_of(one.result.beside)
    seconds = f"{one.seconds:.0f}" if np.isfinite(one.seconds) else ""
    return [
        one.of.title,
        f"{choice.option.rpartition('.')[2]} {choice.weight:g}" if choice else "",
        *(_shown(one.values(score)) for score in SHOWN),
        seconds,
        str(len(one.result.rows)),
        over_pruned_share(one.result.rows),
        str(len(one.result.diverged)),
    ]


def _shown(values: np.ndarray) -> str:
    """Mean ± standard deviation of the seeds that have it, with their count if not all have."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ""
    spread = float(known.std(ddof=1)) if len(known) > 1 else None
    count = f" (n = {len(known)})" if len(known) < len(values) else ""
    return mean_and_std(float(known.mean()), spread) + count


def _correlations(every: Sequence[Finished], target: str) -> OwnTable:
    """Of each score with one of them: on each set, on both, and without over-pruned runs."""
    sets = {SETS[data]: [o for o in every if o.of.data == data] for data in SETS}
    sets = {title: here for title, here in sets.items() if here}
    columns = ("score", *sets, "all sets", "all sets, not over-pruned")
    rows = [
        [
            score,
            *(str(correlated(here, score, target)) for here in sets.values()),
            str(correlated(every, score, target)),
            str(correlated(every, score, target, over_pruned=False)),
        ]
        for score in SCORES
        if score != target
    ]
    return columns, rows


def _taken(every: Sequence[Finished]) -> OwnTable:
    """The run of each set that a label-free score takes, beside the best by MIG and the mean."""
    columns = ("set", "taken by", "run", *(h for t in (MIG, DCI) for h in (t, f"not above in {t}")))
    rows = []
    for data, title in SETS.items():
        here = [one for one in every if one.of.data == data]
        if not here:
            continue
        runs = pooled(here)
        best = int(np.nanargmax(runs.values[MIG]))
        for score, run in (("MIG itself", best), *taken(runs)):
            cells = [_reached(runs, run, target) for target in (MIG, DCI)]
            rows.append([title, score, runs.labels[run], *cells[0], *cells[1]])
        means = [f"{np.nanmean(runs.values[target]):.2f}" for target in (MIG, DCI)]
        rows.append([title, "chance", f"mean of {len(runs.labels)}", means[0], "", means[1], ""])
    return columns, rows


def _reached(runs: Pooled, run: int, target: str) -> tuple[str, str]:
    """The score of a run, and the share of runs that are not above it."""
    return f"{runs.values[target][run]:.2f}", f"{not_above(runs, run, target):.0%}"


def _weights(every: Sequence[Finished]) -> Iterator[list[str]]:
    for one in every:
        choice, of = choice_of(one.result.beside), one.of
        if choice is None:
            continue
        grid = ", ".join(f"{weight:g}" for weight in choice.grid)
        pilots = "; ".join(map(_told, choice.pilots))
        yield [of.title, SETS[of.data], choice.option, grid, pilots, f"{choice.weight:g}"]


def _reductions(every: Sequence[Finished]) -> Iterator[list[str]]:
    """What a scale changes, and in which runs."""
    for text in dict.fromkeys(text for one in every for text in one.result.run.reduced):
        runs = [one.result.run.name for one in every if text in one.result.run.reduced]
        yield [text, "all" if len(runs) == len(every) else _named(runs, every)]


def _named(runs: Sequence[str], every: Sequence[Finished]) -> str:
    """The set, if these are all its runs, else their names."""
    for data, title in SETS.items():
        if runs == [one.result.run.name for one in every if one.of.data == data]:
            return title
    return ", ".join(runs)


def _told(pilot: Pilot) -> str:
    if pilot.active is None:
        return f"{pilot.weight:g}: diverged"
    mig = "" if pilot.mig is None else f", MIG {pilot.mig:.2f}"
    return f"{pilot.weight:g}: {pilot.active:.0f} active{mig}"
