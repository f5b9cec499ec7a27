"""Find the record of a log key; which end of it is good; how tables head and order columns."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from vaescope.errors import ConfigError
from vaescope.scores.information import INFORMATION, OF_INFORMATION
from vaescope.scores.intervention import OF_INTERVENTIONS
from vaescope.scores.loss_terms import LOSSES, TRAINING
from vaescope.scores.over_pruning import OVER_PRUNED
from vaescope.scores.prediction import OF_PREDICTION
from vaescope.scores.record import Family, Score
from vaescope.scores.statistics import STATISTICS
from vaescope.scores.unsupervised import WITHOUT_FACTORS

PANEL_SCORES = {
    score.name: score
    for score in (*OF_INFORMATION, *OF_PREDICTION, *OF_INTERVENTIONS, *WITHOUT_FACTORS)
}
FAMILIES: dict[str, Family] = {
    score.family.name: score.family
    for score in PANEL_SCORES.values()
    if score.family and score.family is not INFORMATION
}
INFORMATION_SCORES = tuple(
    name for name, score in PANEL_SCORES.items() if score.family is INFORMATION
)
DEFAULT_SCORES = (
    "mig",
    "dci",
    "sap",
    "modularity",
    "explicitness",
    "factor_vae",
    "beta_vae",
    "irs",
    "info_mec",
)

# that reports show of a run, and of several unless others are named
CHIEF_SCORES = (
    "mig",
    "dci_disentanglement",
    "dto_active",
    "polarization_gap",
    "active_latents",
    "reconstruction",
)

# what the panel logs beside a score
CONTEXT = {
    "chance": "chance level of {}: mean over shuffles of the factors",
    "ceiling": "{} of a code with one latent per factor, equal to its value",
    "low": "lower end of the interval of {}",
    "high": "upper end of the interval of {}",
    "untrained": "{} of the untrained model",
}


def _context_of(score: Score, context: str, meaning: str) -> Score:
    name = f"{score.name}_{context}"
    return replace(score, name=name, meaning=meaning, good=None, symbol="", family=None)


# of every run, in the order of tables: losses, over-pruning, and what statistics log
LOGGED: dict[str, Score] = {}
_OF_EVERY_RUN = (*LOSSES, OVER_PRUNED)
for _score in (*_OF_EVERY_RUN, *(score for scores in STATISTICS.values() for score in scores)):
    LOGGED[_score.name] = _score
    for _end, _text in (("chance", _score.chance), ("ceiling", _score.ceiling)):
        if _text:
            LOGGED[f"{_score.name}_{_end}"] = _context_of(_score, _end, _text)
RECORDS = {**PANEL_SCORES, **LOGGED, **{score.name: score for score in TRAINING}}


OURS = frozenset({*RECORDS, *FAMILIES})

_CAPITALS = ("CKA", "DCI", "IMA", "IRS", "JEMMIG", "KL", "MCC", "MIG", "MMD", "PCA", "RMIG", "SAP")
_SHORT_FORMS = {name.lower(): name for name in (*_CAPITALS, "UDR", "VAE", "DtO")} | {"r2": "R²"}


def add_score(score: Score) -> None:
    """Make a score of the user's one of the panel: found by its name, as ours are, from now on.

    Args:
        score: its record, as ``panel_score`` makes it, with the function in its family.

    Raises:
        ConfigError: if one of ours has its name, or its family does not say what computes it.
    """
    family = score.family
    if family is None or not callable(family.function) or family.name != score.name:
        raise ConfigError(
            f"score {score.name}: its family has to have its name and the function that computes "
            "it: panel_score(Family(name, convention, function), name, ...)"
        )
    if score.name in OURS:
        raise ConfigError(f"score {score.name}: vaescope has one of this name; choose another")
    PANEL_SCORES[score.name] = RECORDS[score.name] = score
    FAMILIES[family.name] = family


def name_of(key: str) -> str:
    """The quantity in a log key: ``val/mig`` -> ``mig``."""
    return key.rsplit("/", 1)[-1]


def record_of(key: str) -> Score | None:
    """The record of a log key or a name; None: nothing of ours is called so.

    Example:
        >>> record_of("test/kl_latent_03").meaning
        'the same of one latent'
        >>> record_of("val/dci_completeness_low").meaning
        'lower end of the interval of dci_completeness'
    """
    name = name_of(key)
    for known in (
        name,
        re.sub(r"_\d\d+$", "_*", name),
        re.sub("^(weight|target)_.*", r"\1_*", name),
    ):
        if known in RECORDS:
            return RECORDS[known]
    score, _, context = name.rpartition("_")
    if context in CONTEXT and score in PANEL_SCORES:
        return _context_of(PANEL_SCORES[score], context, CONTEXT[context].format(score))
    return None


def direction_of(key: str) -> str | None:
    """``maximize`` or ``minimize``, by the score's record; None if no end of it is good."""
    record = record_of(key)
    return {"high": "maximize", "low": "minimize"}.get((record and record.good) or "")


def heading(key: str) -> str:
    """A score as people read it: its symbol, or the words of its name.

    Example:
        >>> heading("test/dto_active"), heading("test/dci_completeness")
        ('DtO, active latents', 'DCI completeness')
    """
    record = record_of(key)
    words = (_SHORT_FORMS.get(word, word) for word in name_of(key).split("_"))
    return (record and record.symbol) or " ".join(words)


def chief_keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys of the chief scores on the test part that any of the rows has."""
    keys = (f"test/{name}" for name in CHIEF_SCORES)
    return [key for key in keys if any(key in row for row in rows)]


def sort_keys(keys: list[str]) -> list[str]:
    """The keys of losses and statistics, in the order of their records."""
    order = {name: place for place, name in enumerate(LOGGED)}
    return sorted((k for k in keys if name_of(k) in order), key=lambda k: order[name_of(k)])


def table_keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Log keys of a table's lines: losses and statistics, the panel's scores, the user's own.

    What stands beside a score (``mig_chance``) and numbers of single latents have no line.

    Example:
        >>> table_keys([{"test/ours": 1.0, "test/mig_chance": 0.1, "test/mig": 0.2, "step": 3}])
        ['test/mig', 'test/ours']
    """
    keys = dict.fromkeys(
        key
        for row in rows
        for key, value in row.items()
        if "/" in key and isinstance(value, int | float)
    )
    lines = [key for key in keys if not _is_beside(key, keys)]
    known = sort_keys(lines)
    panel = [key for key in lines if name_of(key) in PANEL_SCORES]
    own = [key for key in lines if record_of(key) is None]
    return list(dict.fromkeys([*known, *panel, *own]))


def _is_beside(key: str, keys: Container[str]) -> bool:
    base, _, context = key.rpartition("_")
    return context in CONTEXT and base in keys
