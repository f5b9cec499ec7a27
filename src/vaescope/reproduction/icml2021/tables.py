"""Tables of the ICML 2021 paper: lines of every run on every set."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaescope.reproduction.results import Result
from vaescope.reproduction.tables import Line, line_of, setting_of
from vaescope.scores import name_of


def table_lines(part: str, result: Result, plan: Mapping[str, Any]) -> Iterator[Line]:
    """A line for each score of a run, with the printed value where there is one."""
    method, _, on = result.run.name.rpartition("_")
    for key in plan["tables"][part]:
        values = result.values(key)
        printed = plan["printed"].get(method, {}).get(on, ()) if key == "test/mig" else ()
        if len(values):
            yield line_of(
                result.run.name,
                name_of(key),
                printed,
                values,
                chance=result.values(f"{key}_chance"),
                setting=setting_of(result),
            )
