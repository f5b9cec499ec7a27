"""``scores.json``: the final scores of a run, one row a seed, and what the rows have in common."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaescope.errors import DataError
from vaescope.files import read_json, write_json

NAME = "scores.json"
OBJECTIVE = "objective.json"  # the last evaluation of the validation part, for who searches
# of a row of a run of training, which may lack the last
KINDS = {"seed": int, "step": int, "model": str, "data": str, "num_samples": int}
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError)


@dataclass(frozen=True)
class Scores:
    """Content of ``scores.json``.

    Attributes:
        rows: final scores by log key, with the seed and what it was trained with; one a seed.
        about: what all rows have in common: ``data_source``, ``left_out``, members that diverged.
    """

    rows: Sequence[dict[str, Any]] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def diverged(self) -> list[dict[str, int]]:
        """``seed`` and ``step`` of members of an ensemble that are not among the rows."""
        return [{"seed": m["seed"], "step": m["step"]} for m in self.about.get("diverged", ())]

    @property
    def data_source(self) -> str:
        """Where the images came from."""
        return str(self.about.get("data_source", ""))


def has_scores(folder: Path) -> bool:
    """Whether a run has reached its end."""
    return (folder / NAME).is_file()


def fingerprint(folder: Path) -> str:
    """A mark of the very content of the file, by which a report says what it shows."""
    return f"sha256 {hashlib.sha256((folder / NAME).read_bytes()).hexdigest()}"


def write_scores(folder: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """Write the rows and what they have in common, whole or not at all."""
    write_json(folder / NAME, {"about": dict(about), "rows": [dict(row) for row in rows]})


def read_scores(folder: Path, *, trained: bool = False) -> Scores:
    """The scores in a folder.

    Args:
        folder: of a run, of an evaluation or of a sweep.
        trained: whether each row has to have the seed, step, model and data of a training run.

    Raises:
        DataError: without a whole file of this form; the cause says what is wrong with it.
    """
    path = folder / NAME
    try:
        content = read_json(path)
        scores = Scores([dict(row) for row in content["rows"]], dict(content.get("about", {})))
        for row in scores.rows if trained else ():  # the file may be a stranger's
            for key, kind in KINDS.items():
                if not isinstance(row.get(key, 0) if key == "num_samples" else row[key], kind):
                    raise TypeError(f"{key} is {row[key]!r}")
        _ = scores.diverged
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read: {error!r}") from error
    return scores


def read_validated(folder: Path) -> list[dict[str, Any]]:
    """Rows of scores of the validation part that a run with ``objective`` has left.

    Raises:
        DataError: without a whole file of this form.
    """
    path = folder / OBJECTIVE
    try:
        return [dict(row) for row in read_json(path)["rows"]]
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read: {error!r}") from error
