"""All scores of one table of informations, each with chance level, ceiling and interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from torch import Tensor

from vaescope.metrics.information import dependent_factors
from vaescope.metrics.information import scores as information_scores
from vaescope.metrics.information.scores import ScoreParts
from vaescope.metrics.information.tables import (
    SHUFFLES,
    Binning,
    InformationTable,
    active_latents,
    binned_pair,
    bootstrap_weights,
    information_table,
    resampled_tables,
    shuffle_orders,
    shuffled_tables,
    table_of_labels,
)


@dataclass(frozen=True)
class ScoreInContext:
    """A score beside the values that give it a meaning."""

    score: float  # of the sample
    chance: float  # mean over shuffles of the factors against the codes
    # of the code with one latent per factor, equal to its value; the best value that these bins and
    # factors allow, up to a code that fills the bins more evenly
    ceiling: float
    low: float | None  # lower end of the interval of resampled rows; None without resamples
    high: float | None  # upper end of it
    parts: Tensor  # what the score is made of, per factor [K] or per latent [D]
    counted: Tensor  # which parts count


def information_family(
    codes: Tensor,
    factors: Tensor,
    *,
    kinds: Sequence[str] | None = None,
    bins: int = 20,
    convention: Binning = "dlib",
    repeats: int = 20,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, ScoreInContext]:
    """All scores of information, each beside chance, ceiling and interval; see `family_of_table`.

    Args:
        codes, factors, kinds, bins, seed: as in `vaescope.metrics`.
        convention: ``"dlib"`` or ``"dcf"``, as in `information_table`.
        repeats: number of resamples, at least 2, or 0 for no interval; and of shuffles, if it is
            above 20.
        level: of the interval, 0 to 1.

    Returns:
        By name. Latents that know no more than chance (see `active_latents`) are left out of the
        scores per latent, the same ones for all ``repeats``. The interval is the score and the
        resamples' deviation times the normal quantile: its place does not move with the bias that
        resampling adds, and its ends may lie beyond 0 or 1.

    Source: of the scores, see each; interval: Efron & Tibshirani 1993, "An Introduction to the
    Bootstrap", eq. 12.19.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(3))
        >>> found = information_family(factors.double(), factors, repeats=0)["mig"]
        >>> round(found.score, 3), round(found.ceiling, 3)
        (1.0, 1.0)
    """
    if repeats < 0 or repeats == 1 or not 0 < level < 1:
        needed = "give 0 or at least 2, and above 0, below 1"
        raise ValueError(f"repeats={repeats}, level={level}: {needed}")
    binned, labels = binned_pair(codes, factors, kinds=kinds, bins=bins, convention=convention)
    table = table_of_labels(binned, labels, bins)
    orders = shuffle_orders(len(labels), max(repeats, SHUFFLES), seed)
    shuffled = shuffled_tables(binned, labels, bins, orders)
    perfect = information_table(
        factors.double(), factors, kinds=kinds, bins=bins, convention=convention
    )
    active = active_latents(table, shuffled)
    chance, ceiling = family_of_table(shuffled, active), family_of_table(perfect)
    halves: dict[str, float] = {}
    if repeats:
        weights = bootstrap_weights(len(labels), repeats, seed)
        spread = family_of_table(resampled_tables(binned, labels, bins, weights), active)
        quantile = NormalDist().inv_cdf((1 + level) / 2)
        halves = {name: quantile * float(each.score.std()) for name, each in spread.items()}
    found = {}
    for name, here in family_of_table(table, active).items():
        score, half = float(here.score), halves.get(name)
        beside = float(chance[name].score.mean()), float(ceiling[name].score)
        low, high = (None, None) if half is None else (score - half, score + half)
        found[name] = ScoreInContext(score, *beside, low, high, here.parts, here.counted)
    return found


def family_of_table(table: InformationTable, active: Tensor | None = None) -> dict[str, ScoreParts]:
    """Every score of a table by name; high is good for all but ``jemmig``.

    Args:
        table: of one sample or of R of them.
        active: latents that count in the scores per latent [D]; None: those with any information.

    Returns:
        ``mig``, ``mig_sup``, ``jemmig`` (normalised), ``dcimig``, ``modularity``, ``dmig``,
        ``xmig``, ``dlig``, ``minimality``, ``sufficiency`` and ``axis_alignment``.
    """
    return {
        "mig": information_scores.mig(table),
        "mig_sup": information_scores.mig_sup(table, active),
        "jemmig": information_scores.jemmig(table),
        "dcimig": information_scores.dcimig(table),
        "modularity": information_scores.modularity(table, active),
        "dmig": dependent_factors.dmig(table),
        "xmig": dependent_factors.xmig(table),
        "dlig": dependent_factors.dlig(table),
        "minimality": information_scores.minimality(table, active),
        "sufficiency": information_scores.sufficiency(table),
        "axis_alignment": information_scores.axis_alignment(table),
    }
