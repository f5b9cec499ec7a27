"""Over-pruning: fewer latents in use than factors vary. No code then has a latent for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from vaescope.scores.record import low

Row = Mapping[str, Any]

OVER_PRUNED = low(
    "over_pruned",
    "1: fewer active latents (variance < 0.8) than factors that vary (ICML 2021)",
    range="0 or 1",
)
NOT_DEFINED = "not defined"  # without a posterior's variance, or without factors that vary
OVER_PRUNING = (  # what a table's column says
    "seeds with fewer active latents (posterior variance below 0.8 on average, ICML 2021) than "
    f"factors that vary; {NOT_DEFINED}: of models without a posterior variance, such as "
    "autoencoders, and of data without factors"
)


def is_over_pruned(active_latents: float, varying_factors: int) -> bool | None:
    """Whether a model has fewer active latents than factors vary; None if none varies.

    Args:
        active_latents: how many there are by `vaescope.alignment.active_by_variance`.
        varying_factors: factors with more than one value.

    Source: Zietlow et al. 2021, https://arxiv.org/abs/2102.06822, over-pruned runs. Differs: a
    factor that has one value alone in the images needs no latent.

    Example:
        >>> is_over_pruned(3, varying_factors=5)
        True
    """
    return active_latents < varying_factors if varying_factors else None


def flag_of(row: Row) -> bool | None:
    """Whether a row of scores is over-pruned; None: not defined, or not measured."""
    flags = [value for key, value in row.items() if key.endswith(f"/{OVER_PRUNED.name}")]
    return bool(flags[0]) if flags and flags[0] is not None else None


def over_pruned_share(rows: Sequence[Row]) -> str:
    """``2 of 5``, of one row ``yes``, ``no``, ``not defined``; empty where no row says anything.

    Example:
        >>> over_pruned_share([{"test/over_pruned": 1.0}, {"test/over_pruned": 0.0}])
        '1 of 2'
    """
    if not any(key.endswith(f"/{OVER_PRUNED.name}") for row in rows for key in row):
        return ""
    flags = [flag for row in rows if (flag := flag_of(row)) is not None]
    if not flags:
        return NOT_DEFINED
    several = f"{sum(flags)} of {len(flags)}" if len(rows) > 1 else "yes"
    return several if any(flags) else "no"


def over_pruning_note(rows: Sequence[Row]) -> str:
    """A sentence to show with the scores of these rows; empty if there is nothing to say."""
    share = over_pruned_share(rows)
    if share == NOT_DEFINED:
        return "Over-pruning is not defined without a posterior variance and factors that vary."
    if not any(map(flag_of, rows)):
        return ""
    seeds = [str(row["seed"]) for row in rows if flag_of(row) and "seed" in row]
    which = f", {share} seeds ({', '.join(seeds)})" if len(rows) > 1 else ""
    return (
        f"Over-pruned{which}: fewer active latents (posterior variance below 0.8 on average, ICML "
        "2021) than factors that vary. Do not compare its scores with those of a run that is not."
    )
