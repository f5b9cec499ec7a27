"""CSV logger: every number of a run in ``metrics.csv``, also across resumed sessions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from vaescope.ranges import Count, in_range
from vaescope.run_folder.metrics import Metrics, read_metrics, write_metrics


class MetricsFile(Logger):
    """Writes ``metrics.csv`` and takes it up again when a run is resumed.

    Lightning's own CSVLogger deletes the file of an earlier run in the same folder.

    Args:
        flush_every: new rows after which it is written, in long files more; at the end as well.
    """

    @in_range
    def __init__(self, folder: str, flush_every: Count = 20) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.flush_every = flush_every
        self._rows: Metrics = {}
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
        self._rows = {
            place: {key: value for key, value in row.items() if not key.startswith("test/")}
            for place, row in read_metrics(self.folder).items()
            if place[0] <= step
        }

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Nothing: all numbers come by seed, to ``log_rows``."""

    @rank_zero_only
    def log_rows(self, rows: Mapping[int, Mapping[str, float]], step: int) -> None:
        """Add numbers to the rows of ``step``, by seed."""
        for seed, numbers in rows.items():
            kept = self._rows.setdefault((step, seed), {})
            kept.update({key: float(value) for key, value in numbers.items()})
        self._unwritten += len(rows)
        if self._unwritten >= max(self.flush_every, len(self._rows) // 20):
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write all rows, whole or not at all."""
        if self._unwritten:
            write_metrics(self.folder, self._rows)
        self._unwritten = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()
