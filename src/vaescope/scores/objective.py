"""The setting ``objective``: which scores a sweeper that searches is told of each run.

``objective=val/mig`` names a score, ``objective=[val/mig,val/reconstruction]`` several. The value
that a sweeper gets is the score itself, its mean over the seeds of an ensemble, never its negative:
the sweeper has to know which end is good.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from vaescope.errors import ConfigError, closest
from vaescope.scores.lookup import name_of

DEFAULT = "val/loss"
PARTS = ("val", "test")


def objective_keys(value: Any) -> list[str]:
    """Log keys of what ``objective`` names: ``mig`` and ``align/dto`` are ``val/mig``, ``val/dto``.

    Raises:
        ConfigError: for anything but a text or a list of texts, or another part of the data.
    """
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not words or not all(isinstance(w, str) for w in words):
        raise ConfigError(
            f"config.objective: {value!r} was given; give a score, val/mig, or a list of them"
        )
    keys = [_key(word) for word in words]
    if len(set(keys)) < len(keys):
        raise ConfigError(f"config.objective: {', '.join(words)} names a score twice")
    return keys


def objective_problems(value: Any) -> Iterator[str]:
    """Yield what is wrong with the setting ``objective``, if anything."""
    try:
        objective_keys(value)
    except ConfigError as error:
        yield str(error)


def _key(word: str) -> str:
    part, _, name = word.rpartition("/")
    if part in ("", "align"):  # evaluations of the validation part log the decoder's scores there
        part = "val"
    if part not in PARTS or not name.strip():
        raise ConfigError(f"config.objective: {word!r} is no score; name one as val/mig")
    return f"{part}/{name}"


def objective_values(
    keys: Sequence[str],
    tested: Sequence[Mapping[str, Any]],
    validated: Sequence[Mapping[str, Any]],
) -> dict[str, float | None]:
    """The value of each objective: its mean over the seeds; None where no seed has it.

    Args:
        keys: as ``objective_keys`` gives them.
        tested: rows of scores on the test part.
        validated: rows of scores on the validation part.
    """
    found: dict[str, float | None] = {}
    for key in keys:
        rows = tested if key.startswith("test/") else validated
        named = [
            {name_of(k): v for k, v in row.items() if not k.startswith("train/")} for row in rows
        ]
        values = [row[name_of(key)] for row in named if name_of(key) in row]
        found[key] = fmean(values) if values else None
    return found


def names_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Scores that the rows have."""
    return sorted({name_of(key) for row in rows for key in row if "/" in key})


def no_score(key: str, names: Sequence[str]) -> ConfigError:
    """The refusal of a score that a run does not have.

    Args:
        key: of the objective.
        names: of the scores that there are.
    """
    return ConfigError(
        f"config.objective: the run has no score {name_of(key)!r}{closest(name_of(key), names)}"
    )
