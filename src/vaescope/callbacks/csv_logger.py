"""``metrics.csv``: every logged number of a run, one row a step and seed."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from vaescope.errors import DataError
from vaescope.files import replacing
from vaescope.ranges import Count, in_range


class MetricsFile(Logger):
    """Writes ``metrics.csv`` and takes it up again when a run is resumed.

    Lightning's own CSVLogger deletes the file of an earlier run in the same folder.

    Args:
        folder: where the file lies.
        flush_every: new rows after which it is written, in long files more; at the end as well.
    """

    @in_range
    def __init__(self, folder: str, flush_every: Count = 20) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.flush_every = flush_every
        self._rows: dict[tuple[int, int], dict[str, float | str]] = {}
        self._unwritten = 0

    @property
    def name(self) -> str:
        """Kind of logger."""
        return "csv"

    @property
    def version(self) -> str:
        """One file a run."""
        return ""

    def resume(self, step: int) -> None:
        """Keep the file's rows up to ``step``, without final scores: the run has not ended.

        Raises:
            DataError: the file is no such table.
        """
        if not self.path.is_file():
            return
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = (
                    {k: v for k, v in row.items() if v and not k.startswith("test/")}
                    for row in csv.DictReader(file)
                )
                self._rows = {
                    (int(row["step"]), int(row["seed"])): dict(row)
                    for row in rows
                    if int(row["step"]) <= step
                }
        except (ValueError, KeyError, AttributeError, csv.Error) as error:
            raise DataError(
                f"{self.path} is damaged ({error}); mend it, or move it away to go on without "
                "the curves so far"
            ) from error

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Nothing: all numbers come by seed, to ``log_rows``."""

    @rank_zero_only
    def log_rows(self, rows: Mapping[int, Mapping[str, float]], step: int) -> None:
        """Add numbers to the rows of ``step``, by seed."""
        for seed, numbers in rows.items():
            self._rows.setdefault((step, seed), {"step": step, "seed": seed}).update(
                {key: float(value) for key, value in numbers.items()}
            )
        self._unwritten += len(rows)
        if self._unwritten >= max(self.flush_every, len(self._rows) // 20):
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write all rows, whole or not at all."""
        if not self._unwritten:
            return
        places = ["step", "seed"]
        columns = sorted({name for row in self._rows.values() for name in row} - {*places})
        with (
            replacing(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, [*places, *columns], restval="")
            writer.writeheader()
            writer.writerows(self._rows[place] for place in sorted(self._rows))
        self._unwritten = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()
