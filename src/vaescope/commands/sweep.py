"""What a sweep leaves beside its jobs: their scores in one table."""

import json
from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

SHOWN = ("test/loss", "test/mig", "test/dto", "test/dto_active", "test/dto_active_chance")


class SweepTable(Callback):
    """Collects the jobs' ``scores.json`` into the sweep folder's and prints the chief scores.

    Hydra's own ``on_multirun_end`` is not reached if a job fails, so the command calls ``finish``.
    """

    folder: ClassVar[Path | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember where the sweep is."""
        SweepTable.folder = Path(config.hydra.sweep.dir).resolve()

    @classmethod
    def finish(cls) -> None:
        """Read every job's folder, those that failed as well; nothing after a single run."""
        if cls.folder is None:
            return
        from vaescope.report.record import write_scores
        from vaescope.report.terminal import print_jobs

        folder, cls.folder = cls.folder, None
        if not folder.is_dir():  # Hydra refused the sweep before its first job
            return
        jobs = [read_job(path.parent) for path in sorted(folder.glob("*/.hydra"), key=_number)]
        rows = [row | {"job": job["name"]} for job in jobs for row in job["rows"]]
        finished = sum(bool(job["rows"]) for job in jobs)
        write_scores(folder / "scores.json", rows, {"jobs": len(jobs), "finished": finished})
        print_jobs(jobs, SHOWN, f"{folder}: {finished} of {len(jobs)} jobs finished")


def read_job(folder: Path) -> dict[str, Any]:
    """One job's name, overrides, rows of scores (none if it failed) and the end of its error."""
    scores, error = folder / "scores.json", folder / "error.txt"
    overrides = OmegaConf.load(folder / ".hydra" / "overrides.yaml")
    lines = error.read_text(encoding="utf-8").strip().splitlines() if error.is_file() else []
    return {
        "name": folder.name,
        "overrides": list(overrides),
        "rows": json.loads(scores.read_text(encoding="utf-8"))["rows"] if scores.is_file() else [],
        "error": lines[-1] if lines else "",
    }


def _number(path: Path) -> tuple[bool, int, str]:
    name = path.parent.name
    return (not name.isdigit(), int(name) if name.isdigit() else 0, name)
