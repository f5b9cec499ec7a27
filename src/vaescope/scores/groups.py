"""Groups of scores under headings, for tables that people read."""

from collections.abc import Iterable

from vaescope.scores.information import OF_INFORMATION
from vaescope.scores.intervention import OF_INTERVENTIONS
from vaescope.scores.lookup import record_of
from vaescope.scores.loss_terms import LOSSES
from vaescope.scores.over_pruning import OVER_PRUNED
from vaescope.scores.prediction import OF_PREDICTION
from vaescope.scores.record import Score
from vaescope.scores.statistics import STATISTICS
from vaescope.scores.unsupervised import WITHOUT_FACTORS

YOUR_OWN = "Your own"


def _logged_by(*statistics: str) -> list[Score]:
    return [score for name in statistics for score in STATISTICS[name]]


# by heading, in the order of tables; a score belongs to the first group that has it
_SCORES: dict[str, Iterable[Score]] = {
    "Disentanglement: information": (
        *OF_INFORMATION,
        *_logged_by("disentanglement", "local", "pipe"),
    ),
    "Disentanglement: prediction": (
        *OF_PREDICTION,
        *_logged_by("neighbours", "identifiability", "static_dynamic"),
    ),
    "Disentanglement: interventions": OF_INTERVENTIONS,
    "Codes without factors": WITHOUT_FACTORS,
    "Alignment of the decoder with the latents": _logged_by(
        *("alignment", "spectrum", "gaps", "off_axis", "local_pca", "factor_axes", "drift")
    ),
    "Latents in use": (
        *_logged_by("polarized", "latents", "collapse", "latent_types", "intrinsic_dimension"),
        OVER_PRUNED,
    ),
    "Agreement of seeds": _logged_by("agreement"),
    "Loss, per observation": LOSSES,
}
_HEADINGS = {score.name: title for title, scores in reversed(_SCORES.items()) for score in scores}
GROUPS = (*_SCORES, YOUR_OWN)


def group_of(key: str) -> str:
    """The heading that a log key belongs under.

    Example:
        >>> group_of("test/mig"), group_of("val/dto_active"), group_of("test/ours")
        ('Disentanglement: information', 'Alignment of the decoder with the latents', 'Your own')
    """
    record = record_of(key)
    return _HEADINGS.get(record.name, YOUR_OWN) if record else YOUR_OWN
