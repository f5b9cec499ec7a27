"""The weight of each method, chosen by pilot runs before the final ones, without a label.

One rule for all: the strongest weight of a method's grid at which a pilot keeps a latent for every
factor that varies; the weakest if none does.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vaescope.errors import ConfigError, VaescopeError
from vaescope.files import read_json, write_json
from vaescope.reproduction.methods.names import compared
from vaescope.reproduction.paper import Workplace
from vaescope.reproduction.plan import Run
from vaescope.reproduction.runner import make_runs
from vaescope.run_folder.contents import last_error
from vaescope.run_folder.scores import read_scores
from vaescope.run_folder.timing_file import read_sessions, seconds_of
from vaescope.scores import flag_of

log = logging.getLogger(__name__)

PILOTS, RECORD = "pilots", "weights.json"  # in the folder of the reproduction
ACTIVE, MIG = "test/active_by_variance", "test/mig"
DIVERGED = "not a finite number"  # what the error of a run that diverged says


@dataclass(frozen=True)
class Pilot:
    """What a pilot found.

    Attributes:
        weight: that it was made with.
        active: latents with E sigma^2 < 0.8; None if it diverged.
        keeps: whether these are as many as factors vary.
        mig: what the rule does not know; None if it diverged.
    """

    weight: float
    active: float | None
    keeps: bool
    mig: float | None = None


@dataclass(frozen=True)
class Choice:
    """The weight of one run.

    Attributes:
        option: that is chosen: ``model.beta``.
        grid: its values, from the weakest to the strongest.
        pilots: those that were made, the strongest first.
    """

    option: str
    grid: Sequence[float]
    pilots: Sequence[Pilot] = field(default_factory=list)

    @property
    def next_weight(self) -> float | None:
        """What a pilot is needed for; None once the weight is known.

        The weakest weight needs none: it is taken if all others prune.
        """
        if len(self.pilots) == len(self.grid) - 1 or any(pilot.keeps for pilot in self.pilots):
            return None
        return self.grid[-1 - len(self.pilots)]

    @property
    def weight(self) -> float:
        """The strongest that keeps enough latents, else the weakest.

        Example:
            >>> pruned, kept = Pilot(16.0, 3, keeps=False), Pilot(4.0, 5, keeps=True)
            >>> Choice("model.beta", [1.0, 4.0, 16.0], [pruned, kept]).weight
            4.0
        """
        return next((pilot.weight for pilot in self.pilots if pilot.keeps), self.grid[0])


def with_chosen_weights(runs: Sequence[Run], workplace: Workplace) -> list[Run]:
    """Runs with the weights that pilots have chosen; pilots that are there are kept.

    A pilot is the run with another seed and other settings that the plan says. They are made in
    rounds, each run's strongest weight first. What was found is written as ``weights.json``.

    Args:
        runs: trainings, named after their set and method.
        workplace: with the grids, ``weights``, and the settings of a scale's ``pilots``.

    Returns:
        The runs; those without a grid as they are, those whose pilots failed as skipped.
    """
    if not workplace.make:
        return [_decided(run, read_choices(workplace.folder), {}) for run in runs]
    choices = {run.name: choice for run in runs if (choice := _grid_of(run, workplace))}
    failed: dict[str, str] = {}
    while needed := {
        run: weight
        for run in runs
        if run.name in choices and run.name not in failed
        if (weight := choices[run.name].next_weight) is not None
    }:
        options = {name: choice.option for name, choice in choices.items()}
        for name, found in _made(needed, options, workplace).items():
            if isinstance(found, Pilot):
                made = [*choices[name].pilots, found]
                choices[name] = replace(choices[name], pilots=made)
            else:
                failed[name] = found
    known = {name: choice for name, choice in choices.items() if name not in failed}
    _record(workplace.folder, known)
    return [_decided(run, known, failed) for run in runs]


def read_choices(folder: Path) -> dict[str, Choice]:
    """Choices of a reproduction by run, as they were written; none without the file."""
    path = folder / RECORD
    content: Mapping[str, Any] = read_json(path) if path.is_file() else {}
    found = {name: choice_of({"choice": each}) for name, each in content.items()}
    return {name: choice for name, choice in found.items() if choice is not None}


def found_beforehand(folder: Path, name: str) -> dict[str, Any]:
    """The ``choice`` of a run's weight, and the ``seconds`` of its training, where known."""
    found: dict[str, Any] = {}
    if (choice := read_choices(folder).get(name)) is not None:
        found["choice"] = asdict(choice)
    if sessions := read_sessions(folder / name):
        found["seconds"] = seconds_of(sessions)["training"]
    return found


def choice_of(beside: Mapping[str, Any]) -> Choice | None:
    """The choice of a finished run, from what is known beside its scores."""
    found = beside.get("choice")
    if not found:
        return None
    pilots = [Pilot(**pilot) for pilot in found["pilots"]]
    return Choice(found["option"], found["grid"], pilots)


def pilot_of(run: Run, option: str, weight: float, workplace: Workplace) -> Run:
    """The pilot of a run at one weight."""
    words = [*run.words, f"{option}={weight:g}", *workplace.plan["pilots"][workplace.scale]]
    by_key = {word.partition("=")[0]: word for word in words}
    return replace(run, name=f"{run.name}_{weight:g}", words=tuple(by_key.values()), minutes=0.0)


def _grid_of(run: Run, workplace: Workplace) -> Choice | None:
    """The grid of the run's method; None of one whose weight stays."""
    grids, scale = workplace.plan["weights"], workplace.scale
    found = grids[scale].get(compared(run.name).method)
    if found is None:
        return None
    if len(found) != 1:
        raise ConfigError(f"config.paper.weights.{scale}: {dict(found)} was given; give one option")
    ((option, grid),) = found.items()
    return Choice(option, list(grid))


def _made(
    weights: Mapping[Run, float], options: Mapping[str, str], workplace: Workplace
) -> dict[str, Pilot | str]:
    """A pilot of every run at its weight: what it found, or why it failed, by the run's name."""
    pilots = {run: pilot_of(run, options[run.name], w, workplace) for run, w in weights.items()}
    log.info("%d pilots of weights", len(pilots))
    folder = workplace.folder / PILOTS
    errors = make_runs(
        list(pilots.values()),
        folder,
        jobs=workplace.jobs,
        threads=workplace.threads,
        data_dir=workplace.data_dir,
    )
    return {
        run.name: _found(folder / pilot.name, weights[run], errors.get(pilot.name, ""))
        for run, pilot in pilots.items()
    }


def _found(folder: Path, weight: float, error: str) -> Pilot | str:
    """What a pilot's folder says, or why it says nothing."""
    if error:
        diverged = DIVERGED in last_error(folder)
        return Pilot(weight, None, False) if diverged else f"the pilot {folder.name}: {error}"
    try:
        (row,) = read_scores(folder).rows
    except (VaescopeError, ValueError) as fault:
        return f"the pilot {folder.name}: {fault}"
    return Pilot(weight, row.get(ACTIVE), flag_of(row) is False, row.get(MIG))


def _record(folder: Path, choices: Mapping[str, Choice]) -> None:
    """Write what was chosen, beside what is there of other runs."""
    every = {**read_choices(folder), **choices}
    if every:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RECORD, {name: asdict(choice) for name, choice in every.items()})


def _decided(run: Run, choices: Mapping[str, Choice], failed: Mapping[str, str]) -> Run:
    if run.name in failed:
        return replace(run, skipped=failed[run.name])
    if run.name not in choices:
        return run
    choice = choices[run.name]
    return replace(run, words=(*run.words, f"{choice.option}={choice.weight:g}"))
