"""MLflow: a run in the store that ``MLFLOW_TRACKING_URI`` names, or in MLflow's own default."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vaescope.loggers.foreign_runs import kept_id, require_package
from vaescope.loggers.run_labels import Labels, labels_of
from vaescope.loggers.tracker import Cell, Settings, Tracker
from vaescope.nested import flat_settings
from vaescope.ranges import in_range

_NOT_IN_KEYS = re.compile(r"[^\w\-. :/]")
_LONGEST, _AT_A_TIME = 6000, 100  # of a parameter; parameters of one call


@in_range
def mlflow_logger(
    folder: str,
    experiment: str = "vaescope",
    name: str | None = None,
    artifacts: list[Literal["checkpoints", "codes"]] | None = None,
) -> Tracker:
    """Logger to MLflow.

    Args:
        folder: the run's folder; it keeps the MLflow run's id, so that a resumed run goes on.
        experiment: MLflow experiment.
        name: shown name; None: data, method and the settings that were given.
        artifacts: what is kept at its end, ``checkpoints`` and ``codes`` of the test part.

    Raises:
        ConfigError: if the package is missing.
    """
    require_package("mlflow")
    path = Path(folder).resolve()

    def start(settings: Settings) -> MlflowRun:
        labels = labels_of(path)
        labels = Labels(name or labels.name, labels.group, labels.tags)
        return MlflowRun(path, experiment, labels)

    return Tracker("mlflow", start, artifacts or ())


class MlflowRun:
    """A run in MLflow's store.

    Args:
        folder: of the run.
        experiment: by its name; it is made if need be.
        labels: of the run.
    """

    def __init__(self, folder: Path, experiment: str, labels: Labels) -> None:
        from mlflow import MlflowClient

        self.client: Any = MlflowClient()
        found = self.client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else self.client.create_experiment(experiment)
        key = kept_id(folder, "mlflow")
        # MLflow chooses the ids of its runs itself, so ours is a tag
        same = self.client.search_runs([number], f"tags.`vaescope.id` = '{key}'", max_results=1)
        tags = {"vaescope.id": key, "group": labels.group, "chosen": " ".join(labels.tags)}
        run = same[0] if same else self.client.create_run(number, run_name=labels.name, tags=tags)
        self.id = run.info.run_id
        self._known = set(run.data.params)

    def log_settings(self, settings: Settings) -> None:
        """As parameters, which keep their first values, and as ``config.json`` of this session."""
        from mlflow.entities import Param

        new = {
            _NOT_IN_KEYS.sub("_", key): str(value)[:_LONGEST]
            for key, value in flat_settings(settings)
        }
        params = [Param(k, value) for k, value in new.items() if k not in self._known]
        for first in range(0, len(params), _AT_A_TIME):
            self.client.log_batch(self.id, params=params[first : first + _AT_A_TIME])
        self.client.log_dict(self.id, dict(settings), "config.json")

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """As metrics."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        found = [Metric(_NOT_IN_KEYS.sub("_", k), v, now, step) for k, v in numbers.items()]
        self.client.log_batch(self.id, metrics=found)

    def log_image(self, key: str, path: Path, step: int) -> None:
        """As a file in the folder of its key's first part."""
        self.client.log_artifact(self.id, str(path), key.rpartition("/")[0] or None)

    def log_page(self, key: str, path: Path, step: int) -> None:
        """As a file, which MLflow shows."""
        self.client.log_artifact(self.id, str(path))

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """As ``KEY.json``, which MLflow shows as a table."""
        table = {"columns": list(columns), "data": [list(row) for row in rows]}
        self.client.log_dict(self.id, table, f"{key}.json")

    def log_files(self, kind: str, paths: Sequence[Path], step: int) -> None:
        """As files in a folder of that name."""
        for path in paths:
            self.client.log_artifact(self.id, str(path), kind)

    def close(self, exit_code: int) -> None:
        """The run has ended, well or not."""
        self.client.set_terminated(self.id, "FAILED" if exit_code else "FINISHED")
