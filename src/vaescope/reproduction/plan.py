"""Plan of a reproduction: which runs make which part of a paper, and what a scale leaves out."""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from vaescope.errors import ConfigError, closest

PATH = "data.path"  # the option of a run that names the modification whose set it trains on


@dataclass(frozen=True)
class Run:
    """One training that a paper's part needs, or one modified set that trainings need.

    Attributes:
        name: of the run and its folder: ``table1_dsprites_vae``.
        experiment: option of ``conf/experiment``; empty for a modification.
        words: overrides of it.
        reduced: what they leave out of the paper's setting; empty for the setting as published.
        differs: how the experiment itself differs from the paper's; empty if it does not.
        skipped: why this scale leaves the run out; empty if it does not.
        minutes: of one processor core that it takes, about; 0: unknown.
        h100_minutes: that it takes on an H100, about; 0: unknown.
        swept: the option that the plan sweeps; a scale can only multiply its values.
        command: of ``vaescope`` that makes it.
    """

    name: str
    experiment: str
    words: tuple[str, ...] = ()
    reduced: tuple[str, ...] = ()
    differs: str = ""
    skipped: str = ""
    minutes: float = 0.0
    h100_minutes: float = 0.0
    swept: str = ""
    command: Literal["train", "modify"] = "train"

    @property
    def modification(self) -> str:
        """Name of the modification whose set it trains on; empty if there is none."""
        options = dict(word.split("=", 1) for word in self.words)
        return options.get(PATH, "")


def planned_runs(paper: str, plan: Mapping[str, Any], scale: str, config_dir: Path) -> list[Run]:
    """All runs of a paper at one scale.

    Args:
        paper: its name; its experiments are ``conf/experiment/<paper>_<run>.yaml``.
        plan: content of ``conf/paper/<paper>.yaml``.
        scale: a key of the plan's ``scales``.
        config_dir: folder of the YAML files.

    Returns:
        The runs, those that are left out included: modifications, and the others by their names.

    Raises:
        ConfigError: for an unknown scale or a plan that names what does not exist.
    """
    _check_name("scale", scale, plan["scales"])
    _check_changes(scale, plan["scales"][scale])
    experiments = sorted(path.stem for path in (config_dir / "experiment").glob(f"{paper}_*.yaml"))
    named = {experiment.removeprefix(f"{paper}_"): experiment for experiment in experiments}
    named |= {name: f"{paper}_{own}" for name, own in plan.get("copies", {}).items()}
    modifications = plan.get("modifications", {})
    runs = [Run(name, "", tuple(words), command="modify") for name, words in modifications.items()]
    runs += [
        variant
        for name, experiment in sorted(named.items())
        for run in _swept(Run(name, experiment), plan["sweeps"])
        for variant in _variants(run, plan.get("variants", {}))
    ]
    for run in runs:
        if run.modification and run.modification not in modifications:
            _check_name(f"config.paper.variants: {PATH}", run.modification, modifications)
    runs = [replace(run, differs=_differs(run, plan.get("differs", {}))) for run in runs]
    for change in plan["scales"][scale]:
        if not any(fnmatchcase(run.name, change["runs"]) for run in runs):
            raise ConfigError(f"scale={scale}: no run of {paper} matches {change['runs']!r}")
    changed = {run.name: _changed(run, plan["scales"][scale]) for run in runs}
    return [_on_its_set(run, changed.get(run.modification)) for run in changed.values()]


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
    """The runs that the parts need, with the modifications that these need."""
    patterns = [pattern for part in parts for pattern in plan["parts"][part]]
    return _with_modifications(runs, lambda name: any(fnmatchcase(name, p) for p in patterns))


def _with_modifications(runs: Sequence[Run], wanted: Callable[[str], bool]) -> list[Run]:
    found = {run.name for run in runs if wanted(run.name)}
    found |= {run.modification for run in runs if run.name in found and not run.skipped}
    return [run for run in runs if run.name in found]


def chosen_runs(runs: Sequence[Run], only: str | None) -> list[Run]:
    """The runs whose names match ``only``; all of them without it.

    Raises:
        ConfigError: if none matches, with those that there are, or the scale makes none of them.
    """
    found = _with_modifications(runs, lambda name: only is None or fnmatchcase(name, only))
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
            run,
            name=f"{run.name}_{key.rpartition('.')[2]}_{value:g}",
            words=(f"{key}={value}",),
            swept=key,
        )
        for value in values
    ]


def _differs(run: Run, differs: Mapping[str, str]) -> str:
    """What the plan says of the experiments that are not the paper's own."""
    return next((told for names, told in differs.items() if fnmatchcase(run.name, names)), "")


def _variants(run: Run, variants: Mapping[str, Mapping[str, Sequence[str]]]) -> Sequence[Run]:
    """One run for each variant of the first pattern that matches; the run itself without one."""
    for pattern, words in variants.items():
        if fnmatchcase(run.name, pattern):
            return [
                replace(run, name=f"{run.name}_{name}", words=(*run.words, *own))
                for name, own in words.items()
            ]
    return [run]


def _changed(run: Run, changes: Sequence[Mapping[str, Any]]) -> Run:
    """The run under all changes that match it; later ones win, but what is swept is only scaled."""
    matching = [change for change in changes if fnmatchcase(run.name, change["runs"])]
    words = [word for change in matching for word in change.get("words", ())]
    own = {word.split("=")[0]: word for word in run.words}
    swept = {run.swept: _scaled(own.pop(run.swept), matching)} if run.swept else {}
    by_key = own | {word.split("=")[0]: word for word in words} | swept
    return replace(
        run,
        words=tuple(by_key.values()),
        reduced=tuple(change["reduced"] for change in matching if "reduced" in change),
        skipped=next((change["skip"] for change in matching if "skip" in change), ""),
        minutes=next((change["minutes"] for change in matching[::-1] if "minutes" in change), 0.0),
    )


def _scaled(swept: str, changes: Sequence[Mapping[str, Any]]) -> str:
    """A swept option, its value times what the changes say."""
    factor = math.prod(change.get("swept_times", 1.0) for change in changes)
    key, _, value = swept.partition("=")
    return swept if factor == 1.0 else f"{key}={float(value) * factor:g}"


def _on_its_set(run: Run, modification: Run | None) -> Run:
    """The run with what its modified set leaves out, too."""
    if modification is None:
        return run
    reduced = tuple(dict.fromkeys((*modification.reduced, *run.reduced)))
    return replace(run, reduced=reduced, skipped=run.skipped or modification.skipped)


def _check_changes(scale: str, changes: object) -> None:
    entries = changes if isinstance(changes, list) else [changes]
    if not all(isinstance(e, Mapping) and isinstance(e.get("runs"), str) for e in entries):
        raise ConfigError(
            f"config.paper.scales.{scale}: {changes!r} was given; give a list, each with "
            "runs=NAMES and with words, swept_times, reduced, skip or minutes"
        )


def _check_name(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        near = closest(re.sub(r"\W", "", str(name)), known, 1, otherwise="")
        raise ConfigError(f"{what}={name}: there are {', '.join(known)}{near}")
