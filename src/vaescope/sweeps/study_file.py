"""``study.json``: what a search has found, to be read without Optuna."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.errors import DataError
from vaescope.files import read_json, write_json
from vaescope.report.terminal import print_table

NAME = "study.json"
MOST_SHOWN = 5  # of the best trials of one objective


def write_study(folder: Path, content: Mapping[str, Any]) -> None:
    """Write what is known of a search: objectives, trials, the best, commands, importances."""
    write_json(folder / NAME, dict(content))


def print_study(folder: Path) -> None:
    """Print the best trials of a search, what matters, and how to repeat them; else nothing.

    Raises:
        DataError: if the file is not whole.
    """
    if not (folder / NAME).is_file():
        return
    try:
        _print(read_json(folder / NAME))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / NAME} cannot be read: {error!r}") from error


def _print(study: Mapping[str, Any]) -> None:
    keys, names = list(study["objectives"]), list(study["space"])
    goals = ", ".join(f"{goal} {key}" for key, goal in study["objectives"].items())
    shown = _shown(study)
    rows = [
        [
            str(t["number"]),
            *(f"{t['values'][k]:.5g}" for k in keys),
            *map(str, t["params"].values()),
        ]
        for t in shown
    ]
    notes = [f"importance for {key}: {_shares(each)}" for key, each in study["importance"].items()]
    if not study["best"] and study["constraints"]:
        notes.append(f"no trial meets {_conditions(study['constraints'])}")
    elif study["constraints"]:
        notes.append(f"each of them meets {_conditions(study['constraints'])}")
    notes += [f"trial {number} again: {line}" for number, line in study["commands"].items()]
    kind = "the best trials" if len(keys) == 1 else "trials of which none is better in all"
    print_table(["trial", *keys, *names], rows, f"search, {goals}: {kind}", notes)


def _shown(study: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The Pareto front, or the first few of one objective."""
    done = [t for t in study["trials"] if t["state"] == "finished" and t["feasible"]]
    if len(study["objectives"]) > 1:
        return [trial for trial in done if trial["number"] in study["best"]]
    ((key, goal),) = study["objectives"].items()
    done.sort(key=lambda trial: trial["values"][key], reverse=goal == "maximize")
    return done[:MOST_SHOWN]


def _shares(importance: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.2f}" for name, share in importance.items())


def _conditions(constraints: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {condition}" for key, condition in constraints.items())
