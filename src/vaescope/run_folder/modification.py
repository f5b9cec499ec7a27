"""Contents of a folder of ``vaescope modify``, by which another folder is told from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaescope.errors import RunFolderError
from vaescope.nested import flat_settings
from vaescope.run_folder.contents import ERROR, HYDRAS, LEARNING, MODIFICATION
from vaescope.run_folder.locking import LOCK

SET, STATE, RECORD, SHEET = "set", LEARNING, MODIFICATION, "sheet.png"
# what Hydra, the lock, a failed attempt and one that was killed leave
_BESIDE = {HYDRAS, LOCK, ERROR, f".{SET}.part", f".{SET}.part.lock"}

# groups of the configuration that have no part in a modification: they choose how to train
UNUSED = ("model", "posterior", "prior", "trainer", "view", "sampling", "hold_out")
_OF_THE_MACHINE = ("output_dir", "data_dir", "data.data_dir", "threads", "device", "bar")


def settings_of(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that make a modification what it is, by dotted key, of a resolved configuration."""
    chosen = {key: value for key, value in plain.items() if key not in UNUSED}
    return {k: v for k, v in flat_settings(chosen) if k not in _OF_THE_MACHINE}


def refuse_others(folder: Path) -> None:
    """Refuse a folder that holds anything but a modification, begun or made.

    Raises:
        RunFolderError: with what is there.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunFolderError(f"output_dir={folder} is a file; name a folder")
    names = {path.name for path in folder.iterdir()}
    ours = _BESIDE | {SET, STATE, RECORD, SHEET}
    other = sorted(n for n in names - ours if not n.endswith((".new", ".log")))
    if not {STATE, RECORD} & names:
        other += sorted({SET, SHEET} & names)
    if other:
        raise RunFolderError(
            f"output_dir={folder} holds {other[0]}, which is no modification's; name another "
            "folder, or leave output_dir to its default"
        )


def refuse_other_settings(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with a modification of other settings, plain and flat.

    Raises:
        RunFolderError: with the settings that differ.
    """
    keys = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
    if keys:
        shown = ", ".join(f"{key}={before.get(key)}" for key in keys[:3])
        raise RunFolderError(
            f"{folder} holds a modification of other settings ({shown}); take another folder, or "
            "the same settings to go on"
        )
