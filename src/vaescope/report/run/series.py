"""Numbers over the steps of a run; of an ensemble: means and ranges over its members."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple, Self

from vaescope.report.html.charts import Line
from vaescope.run_folder.metrics import read_metrics

_MOST = 300  # points of a line that is drawn


class Series(NamedTuple):
    """One number over the steps: its mean over an ensemble's members, and their range."""

    steps: list[int]
    values: list[float]
    lows: list[float]
    highs: list[float]

    @classmethod
    def over_members(cls, values: Mapping[int, list[float]]) -> Self:
        """From the members' values at each step."""
        steps = sorted(values)
        measures = (fmean, min, max)
        return cls(steps, *([measure(values[s]) for s in steps] for measure in measures))

    def line(
        self,
        name: str,
        colour: int = 0,
        style: Literal["solid", "faint", "dotted"] = "solid",
        is_labelled: bool = True,
    ) -> Line:
        """As it is drawn: of many points each n-th, and the last."""
        every = -(-len(self.steps) // _MOST)
        kept = sorted({*range(0, len(self.steps), every), len(self.steps) - 1})
        steps, values, lows, highs = ([part[i] for i in kept] for part in self)
        return Line(name, steps, values, lows, highs, colour, style, is_labelled)


def read_series(folder: Path) -> dict[str, Series]:
    """Every logged key over the steps, by ``metrics.csv``; none without the file."""
    numbers: dict[str, dict[int, list[float]]] = {}
    for (step, _), row in read_metrics(folder).items():
        for key, value in row.items():
            numbers.setdefault(key, {}).setdefault(step, []).append(value)
    return {key: Series.over_members(steps) for key, steps in numbers.items()}
