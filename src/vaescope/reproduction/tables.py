"""A paper's tables: each printed number beside ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaescope.reproduction.intervals import agreement
from vaescope.reproduction.plan import runs_of
from vaescope.reproduction.results import Result, Results
from vaescope.scores import name_of


@dataclass(frozen=True)
class Line:
    """One printed number beside ours."""

    run: str
    score: str
    published: str
    ours: str
    n: int
    compared: str
    chance: str
    setting: str


def line_of(
    run: str,
    score: str,
    published: Sequence[float],
    values: np.ndarray,
    *,
    chance: np.ndarray,
    setting: str,
) -> Line:
    """A line from a printed ``[mean]`` or ``[mean, std]`` and our values and chance ``[n]``."""
    mean, *spread = published
    return Line(
        run,
        score,
        f"{mean:.2f} ± {spread[0]:.2f}" if spread else f"{mean:.3f}",
        _measured(values),
        len(values),
        compared=agreement(values, published),
        chance=f"{chance.mean():.2f}" if len(chance) else "",
        setting=setting,
    )


# further lines of a table behind those of a run: the part, the run's result, the paper's plan
FurtherLines = Callable[[str, Result, Mapping[str, Any]], Iterator[Line]]


def no_lines(part: str, result: Result, plan: Mapping[str, Any]) -> Iterator[Line]:
    """No further ones."""
    return iter(())


def lines_of(
    part: str, plan: Mapping[str, Any], results: Results, more: FurtherLines = no_lines
) -> Iterator[Line]:
    """A line for each number that the paper prints in this table."""
    for run in runs_of([result.run for result in results.values()], plan, [part]):
        result = results[run.name]
        for key in plan["tables"][part]:
            values, published = result.values(key), result.published.get(key)
            if published and len(values):
                yield line_of(
                    run.name,
                    name_of(key),
                    published,
                    values,
                    chance=result.values(f"{key}_chance"),
                    setting="; ".join(_setting(result)) or "as published",
                )
        yield from more(part, result, plan)


def _setting(result: Result) -> list[str]:
    seeds = ", ".join(str(seed) for seed in result.diverged)
    lost = f"diverged: seeds {seeds}" if seeds else ""
    return [part for part in (result.run.differs, *result.run.reduced, lost) if part]


def _measured(values: np.ndarray) -> str:
    digits = 3 if values.mean() > 0.9 and values.std() < 0.05 else 2
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"
