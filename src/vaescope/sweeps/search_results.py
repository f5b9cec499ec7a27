"""What a search has found: its best trials, what matters, and how it stands."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from vaescope.sweeps.constraints import Constraint
from vaescope.sweeps.shared_study import SharedStudy
from vaescope.sweeps.study_storage import quiet

ENOUGH = 16  # finished trials, for importances
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


def best_of(study: SharedStudy) -> list[FrozenTrial]:
    """The best trial that meets the constraints, or those of which none is better in all."""
    if len(study.study.directions) > 1:
        return study.study.best_trials
    try:
        return [study.study.best_trial]
    except ValueError:  # none has finished, or none meets the constraints
        return []


def progress_of(study: SharedStudy, keys: Sequence[str], num_trials: int) -> str:
    """One line: counts, and the best value so far."""
    numbers = Counter(STATES[trial.state] for trial in study.counted())
    told = [f"{numbers.pop('finished', 0)} of {num_trials} trials finished"]
    told += [f"{number} {state}" for state, number in sorted(numbers.items())]
    best = best_of(study)
    if len(keys) == 1 and best and best[0].values:
        told.append(f"best {keys[0]} {best[0].values[0]:.4g} (trial {best[0].number})")
    elif best:
        told.append(f"{len(best)} of which none is better in all")
    return ", ".join(told)


def found_by(
    study: SharedStudy, objectives: Mapping[str, str], constraints: Sequence[Constraint]
) -> dict[str, Any]:
    """Content of ``study.json``.

    Args:
        study: of the search.
        objectives: which end of each score is good, by its key.
        constraints: of the search.
    """
    best = best_of(study)
    return {
        "objectives": dict(objectives),
        "constraints": {each.key: str(each) for each in constraints},
        "space": {each.name: str(each) for each in study.space.parameters},
        "trials": [_row(trial, list(objectives)) for trial in study.counted()],
        "best": [trial.number for trial in best],
        "commands": {
            trial.number: shlex.join(["vaescope", "train", *study.space.words(trial.params)])
            for trial in best
        },
        "importance": _importances(study, objectives),
    }


def _row(trial: FrozenTrial, keys: Sequence[str]) -> dict[str, Any]:
    told = trial.values if trial.state is TrialState.COMPLETE else None
    return {
        "number": trial.number,
        "state": STATES[trial.state],
        "params": trial.params,
        "values": dict(zip(keys, told, strict=True)) if told else {},
        "feasible": all(value <= 0 for value in trial.constraints.values()),
        "job": trial.user_attrs.get("job"),
        "error": trial.user_attrs.get("error", ""),
    }


def _importances(study: SharedStudy, objectives: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Share of each parameter in the variance of each objective, by functional ANOVA.

    Source: Hutter, Hoos, Leyton-Brown (2014), https://proceedings.mlr.press/v32/hutter14.html.
    """
    done = [t for t in study.counted() if t.state is TrialState.COMPLETE]
    if len(done) < ENOUGH or len(study.space.parameters) < 2:
        return {}
    found = {}
    for place, key in enumerate(objectives):
        if len({trial.values[place] for trial in done}) == 1:  # nothing varies
            continue
        with quiet():
            shares = get_param_importances(
                study.study,
                evaluator=FanovaImportanceEvaluator(seed=0),
                target=partial(_value, place),
            )
        found[key] = {name: round(share, 4) for name, share in shares.items()}
    return found


def _value(place: int, trial: FrozenTrial) -> float:
    return float(trial.values[place])
