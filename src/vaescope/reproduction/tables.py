"""A paper's tables: each printed number beside ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaescope.reproduction.intervals import agreement, interval
from vaescope.reproduction.plan import runs_of
from vaescope.reproduction.results import Result, Results
from vaescope.scores import flag_of, name_of, over_pruned_share


@dataclass(frozen=True)
class Line:
    """One printed number beside ours."""

    run: str
    score: str
    published: str
    ours: str
    interval: str
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
    """A line from a printed ``[mean]`` or ``[mean, std]``, or nothing, our values and chance."""
    return Line(
        run,
        score,
        _printed(*published),
        _measured(values),
        "{:.2f} to {:.2f}".format(*interval(values)) if len(values) > 1 else "",
        len(values),
        compared=agreement(values, published) if published else "",
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
                    setting=setting_of(result),
                )
        yield from more(part, result, plan)


def setting_of(result: Result) -> str:
    """How a run differs from the published one, in words."""
    seeds = ", ".join(str(seed) for seed in result.diverged)
    lost = f"diverged: seeds {seeds}" if seeds else ""
    parts = [part for part in (result.run.differs, *result.run.reduced, lost) if part]
    share = over_pruned_share(result.rows)
    pruned = f"; over-pruned: {share}" if any(map(flag_of, result.rows)) else ""
    return ("; ".join(parts) or "as published") + pruned


def _printed(mean: float | None = None, spread: float | None = None) -> str:
    if mean is None:
        return ""
    return f"{mean:.3f}" if spread is None else f"{mean:.2f} ± {spread:.2f}"


def _measured(values: np.ndarray) -> str:
    digits = 3 if values.mean() > 0.9 and values.std() < 0.05 else 2
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"
