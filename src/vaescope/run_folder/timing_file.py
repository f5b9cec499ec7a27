"""``timing.json``: seconds of each session of a run by what they were spent on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vaescope.files import read_json, write_json
from vaescope.timing import PARTS, in_words

NAME = "timing.json"

Session = Mapping[str, Any]  # `from_step`, `to_step`, `seconds` by part


def read_sessions(folder: Path) -> list[Session]:
    """All sessions of a run; none of a run that an earlier version made, or if it is damaged."""
    try:
        sessions = read_json(folder / NAME)
        _ = {part: float(seconds) for part, seconds in seconds_of(sessions).items()}
    except (OSError, ValueError, TypeError, LookupError):
        return []
    return list(sessions)


def write_sessions(folder: Path, sessions: Sequence[Session]) -> None:
    """Write them anew."""
    write_json(folder / NAME, list(sessions))


def seconds_of(sessions: Sequence[Session]) -> dict[str, float]:
    """Seconds of all sessions by part; they sum to the whole."""
    return {part: sum(session["seconds"][part] for session in sessions) for part in PARTS}


def told(sessions: Sequence[Session]) -> str:
    """One line: how long a run took, and what for.

    Example:
        >>> seconds = dict(start=20, training=360, evaluations=12, checkpoints=0, report=8)
        >>> told([{"from_step": 0, "to_step": 5000, "seconds": seconds}])
        '6 min 40 s: training 6 min 0 s (90 %), start 20 s (5 %), evaluations 12 s (3 %), ...'
    """
    seconds = seconds_of(sessions)
    whole = sum(seconds.values())
    parts = sorted(seconds, key=lambda part: -seconds[part])
    shown = (
        f"{part} {in_words(seconds[part])} ({100 * seconds[part] / whole:.0f} %)" for part in parts
    )
    many = f" in {len(sessions)} sessions" if len(sessions) > 1 else ""
    return f"{in_words(whole)}{many}: {', '.join(shown)}"
