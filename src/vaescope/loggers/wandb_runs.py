"""wandb: a run on its dashboard; offline unless the user is logged in, so it needs no account."""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval

from vaescope.dashboard.wandb_account import STEP, logged_in
from vaescope.errors import first_line
from vaescope.late_modules import loaded_when_used
from vaescope.loggers.foreign_runs import kept_id
from vaescope.loggers.run_labels import labels_of
from vaescope.loggers.tracker import Cell, Settings, Tracker
from vaescope.nested import flat_settings
from vaescope.ranges import in_range
from vaescope.scores import direction_of

log = logging.getLogger(__name__)

Artifact = Literal["checkpoints", "codes"]
Seconds = Annotated[int, Interval(ge=1, le=10**6)]


@in_range
def wandb_logger(
    folder: str,
    project: str = "vaescope",
    entity: str | None = None,
    name: str | None = None,
    group: str | None = None,
    job_type: str = "train",
    tags: list[str] | None = None,
    notes: str | None = None,
    artifacts: list[Artifact] | None = None,
    init_timeout: Seconds = 60,
    finish_timeout: Seconds = 600,
) -> Tracker:
    """Logger to wandb: offline unless the user is logged in or has set ``WANDB_MODE``.

    Args:
        folder: the run's folder; it keeps the wandb run's id, so that a resumed run goes on.
        project: wandb project.
        entity: user or team; None: the account's own.
        name: shown name; None: data, method and the settings that were given.
        group: wandb group; None: the sweep, else the experiment, else the folder above.
        job_type: wandb job type.
        tags: wandb tags; None: the chosen data, model, network, posterior, likelihood, experiment.
        notes: a text about the run.
        artifacts: what is kept at its end, ``checkpoints`` and ``codes`` of the test part.
        init_timeout: seconds that the server may take to answer; after them the run is offline.
        finish_timeout: seconds that the end waits for uploads; ``wandb sync`` uploads the rest.

    Returns:
        The logger; it starts its run at the first use.
    """
    path = Path(folder).resolve()

    def start(settings: Settings) -> WandbRun:
        labels = labels_of(path)
        given: dict[str, Any] = {
            "project": project,
            "entity": entity,
            "name": name or labels.name,
            "group": group or labels.group,
            "job_type": job_type,
            "tags": labels.tags if tags is None else tags,
            "notes": notes,
        }
        waits = {"init_timeout": init_timeout, "finish_timeout": finish_timeout}
        return WandbRun(_begin(path, given, waits))

    return Tracker("wandb", start, artifacts or ())


class WandbRun:
    """A run on wandb's dashboard; each chart has the number of updates as its x axis.

    Args:
        run: as ``wandb.init`` gives it.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self._defined: set[str] = set()
        run.define_metric(STEP, hidden=True)
        run.define_metric("*", step_metric=STEP)

    def log_settings(self, settings: Settings) -> None:
        """As the run's config.

        A sweep of wandb's has put the options that it chose there, ``model: beta_vae``, and locked
        them; what they stand for is beside them, ``model.beta``.
        """
        own = dict(self.run.config)
        chosen: dict[str, Any] = {}
        for key, value in settings.items():
            if isinstance(value, Mapping) and isinstance(own.get(key), str):
                chosen |= dict(flat_settings({key: value}))
            else:
                chosen[key] = value
        new = {key: value for key, value in chosen.items() if key not in own or own[key] != value}
        self.run.config.update(new, allow_val_change=True)

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Into charts; the summary of a score has its best value and the last."""
        for key in numbers.keys() - self._defined:
            best = {"maximize": "max", "minimize": "min"}.get(direction_of(key) or "")
            if best and not key.startswith("test/"):  # which come once
                self.run.define_metric(key, step_metric=STEP, summary=f"{best},last")
        self._defined |= numbers.keys()
        self.run.log({**numbers, STEP: step})

    def log_image(self, key: str, path: Path, step: int) -> None:
        """As an image, or if it moves as a video."""
        import wandb

        moves = path.suffix == ".gif"
        shown = wandb.Video(str(path), format="gif") if moves else wandb.Image(str(path))
        self.run.log({key: shown, STEP: step})

    def log_page(self, key: str, path: Path, step: int) -> None:
        """As a panel, and as a file of the run."""
        import wandb

        self.run.log({key: wandb.Html(str(path), inject=False), STEP: step})
        own = shutil.copy(path, self.run.dir)  # of other places it tells the terminal
        self.run.save(own, base_path=self.run.dir, policy="now")

    def log_table(
        self, key: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], step: int
    ) -> None:
        """As a table."""
        import wandb

        table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
        self.run.log({key: table, STEP: step})

    def log_files(self, kind: str, paths: Sequence[Path], step: int) -> None:
        """As an artifact: ``checkpoints-ID``, of type ``checkpoints``."""
        import wandb

        artifact = wandb.Artifact(f"{kind}-{self.run.id}", type=kind, metadata={"step": step})
        for path in paths:
            artifact.add_file(str(path))
        self.run.log_artifact(artifact)

    def close(self, exit_code: int) -> None:
        """Upload what is left, as far as time allows."""
        self.run.finish(exit_code=exit_code)


class _NoStagedInputs:
    """Stands for wandb's own, whose package takes half a second to load, while a run begins."""

    def apply(self, run: Any) -> None:
        """Nothing: only jobs that wandb launches have staged any, and they have loaded it."""


def _begin(folder: Path, given: Mapping[str, Any], waits: Mapping[str, int]) -> Any:
    """Start the run, or go on with the one that the folder has kept; offline if need be."""
    import wandb

    settings: dict[str, Any] = {"silent": True, "symlink": False, **waits}
    about: dict[str, Any] = {
        **given,
        "dir": str(folder),
        "id": kept_id(folder, "wandb", os.environ.get("WANDB_RUN_ID")),
        "resume": "allow",
    }
    about["reinit"] = "finish_previous"  # of an earlier job in this process
    offline: dict[str, Any] = {"mode": "offline", "settings": {**settings, "console": "off"}}
    if "WANDB_MODE" not in os.environ and not logged_in():
        return _init(**about, **offline)
    try:
        run = _init(**about, settings=settings)
    except wandb.Error as error:
        log.warning("wandb: %s; the run is kept offline in %s", first_line(error), folder / "wandb")
        wandb.teardown()  # its service still holds the run's id
        return _init(**about, **offline)
    if not run.offline and run.url:
        log.info("wandb: %s", run.url)
    return run


def _init(**arguments: Any) -> Any:
    import wandb

    with loaded_when_used("wandb.sdk.launch.inputs.internal", StagedLaunchInputs=_NoStagedInputs):
        return wandb.init(**arguments)
