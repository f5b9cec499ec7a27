"""All numbers of an encoded split, and those that compare the members of an ensemble."""

from collections.abc import Sequence

from vaescope.errors import TrainingDivergedError
from vaescope.scores import OVER_PRUNED
from vaescope.statistics.encoded_split import Codes, EncodedSplit
from vaescope.statistics.protocol import GroupStatistic, Statistics


def scores_of_split(encoded: EncodedSplit, statistics: Statistics) -> dict[str, float]:
    """Loss terms, over-pruning and statistics of one model; those of a group come later.

    Raises:
        TrainingDivergedError: if a statistic fails on codes that are no numbers.
    """
    numbers = encoded.by_log_key(encoded.losses)
    for statistic in (over_pruning, *statistics.values()):
        if isinstance(statistic, GroupStatistic):
            continue
        try:
            numbers |= statistic(encoded)
        except Exception as error:
            if encoded.finite:
                raise
            raise TrainingDivergedError(
                "not a finite number: codes, variances or losses of the evaluated images at step "
                f"{encoded.step}. Try a lower optimizer.lr or trainer=float32"
            ) from error
    return numbers


def over_pruning(codes: Codes) -> dict[str, float]:
    """``over_pruned``, 0 or 1; nothing where it is not defined, see `Codes.over_pruned`."""
    flag = codes.over_pruned
    return {} if flag is None else codes.by_log_key({OVER_PRUNED.name: float(flag)})


def add_group_scores(
    scores: dict[int, dict[str, float]], codes: Sequence[Codes], statistics: Statistics
) -> None:
    """Add what compares two or more members to the scores of each, by seed in their order."""
    for statistic in statistics.values():
        if isinstance(statistic, GroupStatistic) and len(codes) > 1:
            for own, more in zip(scores.values(), statistic.compare(codes), strict=True):
                own |= more
