"""Missing reports of runs that were killed, or out of disk, behind their final scores."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vaescope.errors import RunFolderError
from vaescope.report.run.page import is_reported, write_report
from vaescope.run_folder.contents import ERROR, forget_error, remove_temporaries
from vaescope.run_folder.locking import locked
from vaescope.run_folder.runs import FoundRun, find_runs
from vaescope.run_folder.scores import has_scores

log = logging.getLogger(__name__)


def lacks_report(folder: Path) -> bool:
    """Whether a run has final scores that ``report.html`` does not show, or an error of before."""
    return has_scores(folder) and (not is_reported(folder) or (folder / ERROR).is_file())


def finish(folder: Path) -> None:
    """Write what is missing behind the final scores; the error of before is mended by that."""
    remove_temporaries(folder)
    if not is_reported(folder):
        write_report(folder)
    forget_error(folder)


def finish_reports(entries: str | Sequence[str]) -> list[FoundRun]:
    """Do so for all runs in some folders that have made their updates and are left alone.

    Args:
        entries: a folder or several, of runs or that hold them at any depth.

    Returns:
        All runs in these folders, as they are now.

    Raises:
        ConfigError: for an entry that is no folder or holds no run.
    """
    runs = find_runs([entries] if isinstance(entries, str) else entries)
    for place, run in enumerate(runs):
        if not run.rows or is_reported(run.folder) or not _has_all_updates(run):
            continue
        try:
            with locked(run.folder):
                finish(run.folder)
                runs[place] = replace(run, problem="")
                log.info("%s: report.html was missing and is written", run.folder)
        except RunFolderError as error:
            log.info("%s: no report yet: %s", run.folder, error)
        except Exception as error:  # files of another's run may lack or hold anything
            log.warning("%s: no report of this run alone: %r", run.folder, error)
    return runs


def _has_all_updates(run: FoundRun) -> bool:
    """Whether its scores are those of its end, as far as its settings tell."""
    trainer = run.settings["trainer"]
    last = trainer.get("max_steps", -1) if isinstance(trainer, Mapping) else -1
    return not isinstance(last, int) or last < 1 or all(row["step"] >= last for row in run.rows)
