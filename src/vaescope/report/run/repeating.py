"""Commands that repeat a run, go on with it, measure it again."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.run_folder.contents import LAST
from vaescope.run_folder.hydra_record import read_hydra_record

_OURS = {"vaescope", "__main__"}


def commands(
    folder: Path, first: Sequence[str], settings: Mapping[str, Any], step: int
) -> list[tuple[str, str]]:
    """What each does, and the command as it is typed into a POSIX shell.

    Args:
        folder: of the run.
        first: command line of the run's first session.
        settings: content of its ``config.yaml``.
        step: updates that it has made.
    """
    run = folder.resolve()
    found = [("The run again", _again(run, first))]
    trainer = settings.get("trainer")
    most = trainer.get("max_steps") if isinstance(trainer, Mapping) else None
    if isinstance(most, int) and most > 0:
        longer = f"trainer.max_steps={2 * max(step, most)}"
        found.append(
            ("Twice as long, from where it ended", _typed("train", f"resume={run}", longer))
        )
    found.append(("Its scores again", _typed("evaluate", f"checkpoint={run / LAST}")))
    found.append(("Beside other runs", _typed("report", str(run), "ANOTHER_RUN")))
    return [(what, command) for what, command in found if command]


def _again(run: Path, first: Sequence[str]) -> str:
    """The command of the first session; of a job of a sweep its own words."""
    record = read_hydra_record(run)
    if record.sweep:
        return _typed("train", *record.words)
    return typed_as(first)


def typed_as(command: Sequence[str]) -> str:
    """A process's command line, as it is typed; empty if it is not known."""
    if not command:
        return ""
    program, *words = command
    if program.startswith("vaescope "):  # the words of a command as one, for its own help
        return shlex.join([*program.split(), *words])
    return shlex.join(["vaescope" if Path(program).stem in _OURS else program, *words])


def _typed(*words: str) -> str:
    return shlex.join(["vaescope", *words])
