"""How long runs take: their updates times their seeds, over the speed that was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vaescope.config.loading import read_settings, read_value
from vaescope.nested import flat_settings
from vaescope.reproduction.plan import Run

Settings = dict[str, Any]  # by dotted key; the data set's name is ``data``


def with_times(runs: Iterable[Run], plan: Mapping[str, Any], config_dir: Path) -> list[Run]:
    """The runs with the minutes that they take, where the plan's ``speeds`` have their like.

    What a scale says itself of a run stays.
    """
    found = []
    for run in runs:
        core, h100 = (_minutes(run, plan, config_dir, device) for device in ("core", "h100"))
        found.append(replace(run, minutes=run.minutes or core, h100_minutes=h100))
    return found


def seed_updates(run: Run, plan: Mapping[str, Any], config_dir: Path) -> int:
    """Updates of all seeds of a training; 0 of what is none, or of unknown length.

    Args:
        run: of the plan.
        plan: content of ``conf/paper/<paper>.yaml``; ``images`` says how many images of a data set
            are trained on.
        config_dir: folder of the YAML files.
    """
    if not run.experiment:
        return 0
    settings = _settings(config_dir / "experiment" / f"{run.experiment}.yaml")
    settings |= {key: read_value(text) for key, _, text in (w.partition("=") for w in run.words)}
    updates = settings.get("trainer.max_steps", -1)
    if updates < 0:
        images = plan.get("images", {}).get(settings.get("data"), 0)
        updates = settings["trainer.max_epochs"] * (images // settings["data.batch_size"])
    return int(updates * settings.get("ensemble.size", 1))


def in_all(runs: Sequence[Run], jobs: int = 1) -> str:
    """How long runs take, in words; nothing where one of them has unknown speed.

    Example:
        >>> in_all([Run("a", "", minutes=90), Run("b", "", minutes=30, h100_minutes=2)])
        '2 hours of a core'
    """
    parts = []
    if all(run.minutes for run in runs):
        minutes = max(sum(r.minutes for r in runs) / jobs, max(r.minutes for r in runs))
        whose = "where each has a core of its own" if jobs > 1 else "of a core"
        parts.append(f"{_told(minutes)} {whose}")
    if all(run.h100_minutes for run in runs):
        parts.append(f"{_told(sum(run.h100_minutes for run in runs))} of an H100")
    return ", or ".join(parts)


def _told(minutes: float) -> str:
    if minutes < 90:
        return f"{minutes:.2g} minutes"
    return f"{minutes / 60:.2g} hours" if minutes < 6000 else f"{minutes / 60:,.0f} hours"


def _minutes(run: Run, plan: Mapping[str, Any], config_dir: Path, device: str) -> float:
    """At the speed of the last entry that matches; 0 if there is none."""
    matching = [e for e in plan.get("speeds", ()) if fnmatchcase(run.name, e["runs"])]
    speed = next((entry[device] for entry in matching[::-1] if device in entry), 0)
    return seed_updates(run, plan, config_dir) / speed / 60 if speed else 0.0


def _settings(path: Path) -> Settings:
    """Settings of an experiment and of what it builds on."""
    content = read_settings(path)
    found: Settings = {}
    for each in content.pop("defaults", ()):
        if isinstance(each, str) and each.startswith("/"):
            found |= _settings(path.parents[1] / f"{each[1:]}.yaml")
        elif isinstance(each, Mapping):
            found |= {key.removeprefix("override /"): name for key, name in each.items()}
    return found | dict(flat_settings(content))
