"""Rows of a comparison: which scores, in which order, and which runs have no part in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import StatisticsError, correlation
from typing import Any

from vaescope.errors import ConfigError, closest
from vaescope.report.comparison.differences import (
    METHOD,
    differing_settings,
    settings_of,
    short_name,
    text_of,
)
from vaescope.report.comparison.seed_groups import Group, Member, groups_of, is_number, rank_of
from vaescope.run_folder.runs import FoundRun
from vaescope.scores import chief_keys, name_of

BESIDE = ("chance", "ceiling")  # what a score is read against, where runs have it
MIG = "test/mig"
AGAINST_MIG = {  # the distance itself grows with the number of active latents
    "test/dto_active": "DtO of active latents",
    "test/dto_active_ratio": "DtO of active latents / chance",
}
FEWEST = 5  # runs below which no correlation is told
# settings that the sentence on what all runs share has, if they share them
TOLD = (
    "posterior.path",
    "prior._target_",
    "network._target_",
    "likelihood._target_",
    "latent_dim",
    "data.batch_size",
    "optimizer._target_",
    "optimizer.lr",
    "trainer.precision",
)


@dataclass(frozen=True)
class Comparison:
    """Groups to compare, and all that is said beside them.

    Attributes:
        keys: log keys of the chosen scores.
        groups: in the order of the table.
        shared: settings that all runs have in common, by short name.
        remarks: ``run``, ``method``, ``data``, ``seed`` and ``reason`` of runs and seeds that
            have no part in a mean, or a doubtful one.
    """

    keys: Sequence[str]
    groups: Sequence[Group]
    shared: Mapping[str, str]
    remarks: Sequence[Mapping[str, Any]]


def compare_runs(
    runs: Sequence[FoundRun],
    scores: Sequence[str] | None = None,
    group_by: Sequence[str] | None = None,
    sort: str | None = None,
) -> Comparison:
    """Put seeds together and runs beside each other.

    Args:
        runs: finished or not.
        scores: log keys, with or without ``test/``; None: the chief ones that any run has.
        group_by: settings that tell groups apart; None: all in which runs differ. Other data or
            another number of updates make another group in any case.
        sort: a score by which groups of the same data and updates are put in order, from low to
            high; with ``-`` before it from high to low; None: by method and settings.

    Raises:
        ConfigError: if no run has finished, or for a score or setting that no run has.
    """
    found = ((run, settings_of(run)) for run in runs if run.rows)
    members = [Member(run, row, settings) for run, settings in found for row in run.rows]
    if not members:
        raise ConfigError(
            f"runs: none of the {len(runs)} runs has finished; {runs[0].folder}: {runs[0].problem}"
        )
    keys = differing_settings([member.settings for member in members])
    members, repeats = _without_repeats(members, keys)
    rows = [member.row for member in members]
    groups = groups_of(members, keys, group_by)
    first = members[0].settings
    told = [key for key in TOLD if key not in keys and first.get(key) is not None]
    return Comparison(
        _chosen_scores(scores, rows),
        _in_order(groups, keys, score_key("sort", sort, rows) if sort else None, sort or ""),
        {short_name(key): text_of(key, first[key]) for key in told},
        [*_unfinished(runs), *repeats, *_not_finite(members)],
    )


def score_key(option: str, word: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The log key that a user means by ``mig``, ``test/mig`` or, to sort by it, ``-mig``.

    Raises:
        ConfigError: if no row has it, with close ones.
    """
    name = word.removeprefix("-") if option == "sort" else word
    known = {k for row in rows for k, v in row.items() if "/" in k and is_number(v)}
    for key in (name, f"test/{name}"):
        if key in known:
            return key
    names = sorted(key.removeprefix("test/") for key in known)
    raise ConfigError(
        f"{option}: no run has the score {name!r}{closest(name.removeprefix('test/'), names)}"
    )


def correlation_lines(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """What the MIG correlates with, where enough runs have both."""
    return [
        {"runs": panel, "mig": MIG, "score": key, "name": name, "r": r, "n": n}
        for key, name in AGAINST_MIG.items()
        for panel, (r, n) in correlations(groups, key).items()
        if r is not None
    ]


def correlations(groups: Sequence[Group], key: str) -> dict[str, tuple[float | None, int]]:
    """Pearson's r of a score and the MIG over runs, and the number of runs, by panel.

    None instead of r for fewer than five runs, or if one of the two is constant.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for group in groups:
        found.setdefault(group.panel, []).extend(points(group, key))
    told: dict[str, tuple[float | None, int]] = {}
    for panel, pairs in found.items():
        try:
            r = correlation(*zip(*pairs, strict=True)) if len(pairs) >= FEWEST else None
        except StatisticsError:  # a constant
            r = None
        told[panel] = (r, len(pairs))
    return told


def points(group: Group, key: str) -> list[tuple[float, float]]:
    """A score and the MIG of each seed that has both."""
    both = [(member.value(key), member.value(MIG)) for member in group.members]
    return [(x, y) for x, y in both if x is not None and y is not None]


def _chosen_scores(words: Sequence[str] | None, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if words:
        return list(dict.fromkeys(score_key("scores", word, rows) for word in words))
    if not (found := chief_keys(rows)):
        raise ConfigError("scores: the runs have none of the chief ones; name some: scores=[loss]")
    return found


def _without_repeats(
    members: Sequence[Member], keys: Sequence[str]
) -> tuple[list[Member], list[dict[str, Any]]]:
    """Each seed of the same settings once, the newest: a repeat is no further seed."""

    def age(member: Member) -> tuple[float, str]:
        return (member.run.folder / "scores.json").stat().st_mtime, str(member.run.folder)

    kept: dict[tuple[Any, ...], Member] = {}
    lines = []
    for member in sorted(members, key=age):
        values = (member.settings.get(key) for key in keys)
        same = (member.row["step"], member.row["seed"], *values)
        if same in kept:
            reason = f"the same settings and seed as {member.run.folder}, which counts instead"
            lines.append(_line(kept[same], reason))
        kept[same] = member
    counted = {id(member) for member in kept.values()}
    return [member for member in members if id(member) in counted], lines


def _line(member: Member, reason: str) -> dict[str, Any]:
    row, folder = member.row, str(member.run.folder)
    about = {"run": folder, "method": row["model"], "data": row["data"], "seed": row["seed"]}
    return about | {"reason": reason}


def _unfinished(runs: Sequence[FoundRun]) -> list[dict[str, Any]]:
    """Runs without scores, those that failed later, and members that diverged."""
    lines = []
    for run in (run for run in runs if run.problem or run.diverged):
        settings = settings_of(run)
        classes = [settings.get(key) for key in (METHOD, "data._target_")]
        method, data = (str(c or "").rpartition(".")[2] for c in classes)
        about = {"run": str(run.folder), "method": method, "data": data.removesuffix("DataModule")}
        if run.problem:
            lines.append(about | {"seed": run.settings.get("seed"), "reason": run.problem})
        lines += [
            about | {"seed": member["seed"], "reason": f"diverged at update {member['step']}"}
            for member in run.diverged
        ]
    return lines


def _not_finite(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Rows with scores that are infinite or not a number."""
    bad = [(m, [k for k, v in m.row.items() if is_number(v) and not isfinite(v)]) for m in members]
    told = "not a finite number: {}".format
    return [_line(m, told(", ".join(map(name_of, keys)))) for m, keys in bad if keys]


def _in_order(
    groups: Sequence[Group], keys: Sequence[str], score: str | None, sort: str
) -> list[Group]:
    """By data and updates, then by a score, or by method and settings."""
    sign = -1 if sort.startswith("-") else 1

    def rank(group: Group) -> tuple[Any, ...]:
        settings = group.members[0].settings
        measured = group.measured(score) if score else None
        value = (measured is None, sign * measured.mean if measured else 0.0)
        mine = [rank_of(settings.get(key)) for key in keys]
        return (group.place, group.updates, *value, group.method, mine)

    return sorted(groups, key=rank)
