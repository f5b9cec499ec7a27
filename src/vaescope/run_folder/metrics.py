"""``metrics.csv``: every number that a run has logged, one row a step and seed."""

import csv
from collections.abc import Mapping
from pathlib import Path

from vaescope.errors import DataError
from vaescope.files import replacing

NAME = "metrics.csv"
PLACE = ("step", "seed")

Metrics = dict[tuple[int, int], dict[str, float]]  # (step, seed) -> log key -> value


def write_metrics(folder: Path, metrics: Mapping[tuple[int, int], Mapping[str, float]]) -> None:
    """Write all rows in the order of steps and seeds, whole or not at all."""
    columns = sorted({key for row in metrics.values() for key in row})
    with replacing(folder / NAME) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*PLACE, *columns])
        for place in sorted(metrics):
            writer.writerow([*place, *(metrics[place].get(key, "") for key in columns)])


def read_metrics(folder: Path) -> Metrics:
    """All rows in the order of steps and seeds; none without the file.

    Raises:
        DataError: the file is no such table.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    found: Metrics = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                place = int(row.pop("step")), int(row.pop("seed"))
                found[place] = {key: float(value) for key, value in row.items() if value}
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        hint = "mend it, or move it away to go on without the curves so far"
        raise DataError(f"{path} is damaged ({error}); {hint}") from error
    return dict(sorted(found.items()))
