"""trackio: a local dashboard without an account; ``trackio show`` opens it."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from vaescope.loggers.foreign_runs import kept_id, require_package
from vaescope.loggers.run_labels import labels_of
from vaescope.loggers.tracker import Cell, Settings, Tracker
from vaescope.ranges import in_range


@in_range
def trackio_logger(
    folder: str,
    project: str = "vaescope",
    name: str | None = None,
    artifacts: list[Literal["checkpoints", "codes"]] | None = None,
) -> Tracker:
    """Logger to trackio, in the folder that ``TRACKIO_DIR`` names, or in trackio's own default.

    Args:
        folder: the run's folder; it keeps the trackio run's id, so that a resumed run goes on.
        project: trackio project.
        name: shown name; None: data, method and the settings that were given. The id follows it.
        artifacts: what is kept at its end, ``checkpoints`` and ``codes`` of the test part.

    Raises:
        ConfigError: if the package is missing.
    """
    require_package("trackio")
    path = Path(folder).resolve()

    def start(settings: Settings) -> TrackioRun:
        labels = labels_of(path)
        own = f"{name or labels.name} {kept_id(path, 'trackio')}"
        return TrackioRun(project, own, labels.group, settings)

    return Tracker("trackio", start, artifacts or ())


class TrackioRun:
    """A run on trackio's dashboard, which begins with its settings."""

    def __init__(self, project: str, name: str, group: str, settings: Settings) -> None:
        import trackio

        self.trackio: Any = trackio
        with contextlib.redirect_stdout(io.StringIO()):  # five lines of advice
            self.run: Any = trackio.init(
                project,
                name=name,
                group=group,
                config=dict(settings),
                resume="allow",
                embed=False,
                auto_log_cpu=False,
                auto_log_gpu=False,
            )

    def log_settings(self, settings: Settings) -> None:
        """They were given at the beginning."""

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Into charts."""
        self.run.log(dict(numbers), step=step)

    def log_image(self, key: str, path: Path, step: int) -> None:
        """As an image, or if it moves as a video."""
        moves = path.suffix == ".gif"
        kind = self.trackio.Video if moves else self.trackio.Image
        self.run.log({key: kind(str(path), **({"format": "gif"} if moves else {}))}, step=step)

    def log_page(self, key: str, path: Path, step: int) -> None:
        """As a page."""
        page = self.trackio.Html(str(path))
        self.run.log({key: page}, step=step)

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """As a table."""
        table = self.trackio.Table(columns=list(columns), data=[list(row) for row in rows])
        self.run.log({key: table}, step=step)

    def log_files(self, kind: str, paths: Sequence[Path], step: int) -> None:
        """As an artifact of that name."""
        artifact = self.trackio.Artifact(kind, type=kind, metadata={"step": step})
        for path in paths:
            artifact.add_file(str(path))
        self.run.log_artifact(artifact)

    def close(self, exit_code: int) -> None:
        """Write what is left."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.run.finish()
