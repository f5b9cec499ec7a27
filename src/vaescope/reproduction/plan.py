"""Plan of a reproduction: which runs make which part of a paper, and what a scale leaves out."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vaescope.errors import ConfigError, closest


@dataclass(frozen=True)
class Run:
    """One training that a paper's part needs.

    Attributes:
        name: of the run and its folder: ``table1_dsprites_vae``.
        experiment: option of ``conf/experiment``.
        words: overrides of it.
        reduced: what they leave out of the paper's setting; empty for the setting as published.
        differs: how the experiment itself differs from the paper's; empty if it does not.
        skipped: why this scale leaves the run out; empty if it does not.
    """

    name: str
    experiment: str
    words: tuple[str, ...] = ()
    reduced: tuple[str, ...] = ()
    differs: str = ""
    skipped: str = ""


def planned_runs(paper: str, plan: Mapping[str, Any], scale: str, config_dir: Path) -> list[Run]:
    """All runs of a paper at one scale.

    Args:
        paper: its name; its experiments are ``conf/experiment/<paper>_<run>.yaml``.
        plan: content of ``conf/paper/<paper>.yaml``.
        scale: a key of the plan's ``scales``.
        config_dir: folder of the YAML files.

    Returns:
        The runs, those that are left out included, in the order of their names.

    Raises:
        ConfigError: for an unknown scale or a plan that names what does not exist.
    """
    _check_name("scale", scale, plan["scales"])
    _check_changes(scale, plan["scales"][scale])
    experiments = sorted(path.stem for path in (config_dir / "experiment").glob(f"{paper}_*.yaml"))
    runs = [
        run
        for experiment in experiments
        for run in _swept(Run(experiment.removeprefix(f"{paper}_"), experiment), plan["sweeps"])
    ]
    runs = [replace(run, differs=plan.get("differs", {}).get(run.name, "")) for run in runs]
    for change in plan["scales"][scale]:
        if not any(fnmatchcase(run.name, change["runs"]) for run in runs):
            raise ConfigError(f"scale={scale}: no run of {paper} matches {change['runs']!r}")
    return [_changed(run, plan["scales"][scale]) for run in runs]


def chosen_parts(
    plan: Mapping[str, Any], table: int | None, part: Sequence[str] | None
) -> list[str]:
    """Names of the parts that are asked for; all of them without a wish.

    Raises:
        ConfigError: for a part that the paper does not have.
    """
    parts = list(part or []) + ([f"table{table}"] if table is not None else [])
    for name in parts:
        _check_name("part", name, plan["parts"])
    return parts or list(plan["parts"])


def runs_of(runs: Sequence[Run], plan: Mapping[str, Any], parts: Sequence[str]) -> list[Run]:
    """The runs that the parts need."""
    patterns = [pattern for part in parts for pattern in plan["parts"][part]]
    return [run for run in runs if any(fnmatchcase(run.name, pattern) for pattern in patterns)]


def chosen_runs(runs: Sequence[Run], only: str | None) -> list[Run]:
    """The runs whose names match ``only``; all of them without it.

    Raises:
        ConfigError: if none matches, with those that there are, or the scale makes none of them.
    """
    found = [run for run in runs if only is None or fnmatchcase(run.name, only)]
    if not found:
        _check_name("only", str(only), [run.name for run in runs])
    if only is not None and all(run.skipped for run in found):
        reasons = "; ".join(dict.fromkeys(f"{run.name}: {run.skipped}" for run in found))
        raise ConfigError(f"only={only}: this scale leaves out {reasons}")
    return found


def _swept(run: Run, sweeps: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Run]:
    """One run a value of what the plan sweeps; the run itself if it sweeps nothing."""
    if run.name not in sweeps:
        return [run]
    if len(sweeps[run.name]) != 1:
        given = dict(sweeps[run.name])
        raise ConfigError(f"config.paper.sweeps.{run.name}: {given} was given; sweep one key")
    ((key, values),) = sweeps[run.name].items()
    return [
        replace(
            run, name=f"{run.name}_{key.rpartition('.')[2]}_{value:g}", words=(f"{key}={value}",)
        )
        for value in values
    ]


def _changed(run: Run, changes: Sequence[Mapping[str, Any]]) -> Run:
    """The run under all changes that match it; later ones win, but what is swept stays."""
    matching = [change for change in changes if fnmatchcase(run.name, change["runs"])]
    words = [word for change in matching for word in change.get("words", ())]
    by_key = {word.split("=")[0]: word for word in (*words, *run.words)}
    return replace(
        run,
        words=tuple(by_key.values()),
        reduced=tuple(change["reduced"] for change in matching if "reduced" in change),
        skipped=next((change["skip"] for change in matching if "skip" in change), ""),
    )


def _check_changes(scale: str, changes: object) -> None:
    entries = changes if isinstance(changes, list) else [changes]
    if not all(isinstance(e, Mapping) and isinstance(e.get("runs"), str) for e in entries):
        raise ConfigError(
            f"config.paper.scales.{scale}: {changes!r} was given; give a list, each with "
            "runs=NAMES and with words, reduced or skip"
        )


def _check_name(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        near = closest(re.sub(r"\W", "", str(name)), known, 1, otherwise="")
        raise ConfigError(f"{what}={name}: there are {', '.join(known)}{near}")
