"""Sections and charts of a project's dashboard, made of the records of the scores."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vaescope.scores import LOGGED, LOSS_TERMS, OVER_PRUNED, PANEL_SCORES, STATISTICS, Score

# what ``SaveFigures`` shows of a run, below ``figures/``
FIGURES = ("traversals_moving", "traversals", "reconstructions", "jacobian", "information")
# no chart: numbers of another score, which stand in its chart
_BESIDE = ("chance", "ceiling")


@dataclass(frozen=True)
class Chart:
    """Curves over the number of updates."""

    title: str
    keys: tuple[str, ...] = ()  # log keys
    pattern: str = ""  # instead: a regular expression of log keys


@dataclass(frozen=True)
class Section:
    """Charts that stand together."""

    name: str
    about: str  # what they show, in a sentence
    charts: tuple[Chart, ...]
    is_open: bool = True


def sections() -> list[Section]:
    """Charts of every score that a run may log; a score with a record has one by that alone.

    Example:
        >>> [section.name for section in sections()]
        ['disentanglement', 'alignment', 'loss terms', 'latents', 'score panel']
    """
    measured = [score for scores in STATISTICS.values() for score in scores]
    aligned = [score for score in measured if score.group == "align"]
    others = [score for score in measured if score.group != "align"]
    judged = [score for score in others if score.good]
    losses = [LOGGED[name] for name in ("loss", "loss_final_weights")]
    more = [score for score in PANEL_SCORES.values() if score.name not in LOGGED]
    return [
        Section(
            "disentanglement",
            "Does each latent know one factor? Beside a score: its chance level and its ceiling.",
            _charts(judged),
        ),
        Section(
            "alignment",
            "Are the columns of the decoder's Jacobian orthogonal, as in a local PCA?",
            _charts(aligned),
        ),
        Section(
            "loss terms",
            "Each without its weight, of training batches and of the validation part.",
            tuple(_of_loss(score) for score in (*losses, *LOSS_TERMS)),
        ),
        Section(
            "latents",
            "Which latents carry information, and how much.",
            _charts([OVER_PRUNED, *(score for score in others if not score.good)]),
        ),
        Section("score panel", "Further scores, by statistics=panel.", _charts(more), False),
    ]


def _charts(scores: Iterable[Score]) -> tuple[Chart, ...]:
    return tuple(_of_score(score) for score in scores)


def _of_score(score: Score) -> Chart:
    key = f"{score.group}/{score.name}"
    title = score.symbol or score.name.removesuffix("_*").replace("_", " ")
    if score.name.endswith("_*"):
        return Chart(title, pattern=f"^{key.removesuffix('*')}\\d+$")
    beside = [f"{key}_{end}" for end in _BESIDE if f"{score.name}_{end}" in LOGGED]
    return Chart(title, (key, *beside))


def _of_loss(score: Score) -> Chart:
    return Chart(score.name.replace("_", " "), (f"train/{score.name}", f"val/{score.name}"))


def log_keys(names: Sequence[str]) -> list[str]:
    """Keys of final scores: ``mig`` and ``test/mig`` are ``test/mig``."""
    return [name if "/" in name else f"test/{name}" for name in names]
