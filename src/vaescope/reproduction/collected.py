"""What has been measured for a paper, and what several reproductions of it have measured in all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vaescope.reproduction.claims import Measured
from vaescope.reproduction.plan import Run
from vaescope.reproduction.results import Results


@dataclass(frozen=True)
class FromPage:
    """Lines and verdicts of runs that are no longer at hand, copied from a page once.

    Attributes:
        tables: by part, each line by the fields of `Line`.
        judged: each verdict by the fields of `Verdict`.
    """

    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    judged: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Evidence:
    """What has been measured at one scale.

    Attributes:
        scale: of the plan.
        results: of all runs, those that have not finished among them.
        measured: numbers of the weights, by run.
        command: that made it.
        date: of the last run.
        machine: processor, versions and commit.
        from_page: what was copied from a page.
    """

    scale: str
    results: Results
    measured: Measured
    command: str = ""
    date: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    from_page: FromPage = field(default_factory=FromPage)

    @property
    def runs(self) -> list[Run]:
        """All that were planned."""
        return [result.run for result in self.results.values()]

    def of(self, runs: Iterable[Run]) -> "Evidence":
        """The same of these runs alone."""
        return replace(self, results={run.name: self.results[run.name] for run in runs})

    @property
    def finished(self) -> Results:
        """The runs that have results."""
        return {name: result for name, result in self.results.items() if result.rows}

    @property
    def left_out(self) -> dict[str, str]:
        """Why the other runs have none."""
        return {name: result.error for name, result in self.results.items() if not result.rows}


def by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of the runs that have not finished, by why they have not."""
    found: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        found.setdefault(reason, []).append(name)
    return found


def merged(every: Iterable[Evidence]) -> list[Evidence]:
    """One for each scale, in the order given; of a run that is there twice, the first counts."""
    found: dict[str, Evidence] = {}
    for evidence in every:
        before = found.get(evidence.scale)
        found[evidence.scale] = evidence if before is None else _both(before, evidence)
    return list(found.values())


def _both(first: Evidence, second: Evidence) -> Evidence:
    """Two of one scale as one."""
    others = {name: run for name, run in second.results.items() if name not in first.finished}
    tables = {
        part: [*first.from_page.tables.get(part, ()), *second.from_page.tables.get(part, ())]
        for part in {**first.from_page.tables, **second.from_page.tables}
    }
    judged = [*first.from_page.judged, *second.from_page.judged]
    commands = dict.fromkeys([first.command, second.command])
    return Evidence(
        first.scale,
        {**first.results, **others},
        {**second.measured, **first.measured},
        " and ".join(commands),
        max(first.date, second.date),
        first.machine or second.machine,
        FromPage(tables, judged),
    )
