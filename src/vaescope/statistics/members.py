"""Evaluation of a split for a single model, or for the members of an ensemble and their group."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from vaescope.data import EvaluationBatches, FactorDataModule
from vaescope.errors import TrainingDivergedError
from vaescope.models import LatentModel
from vaescope.statistics.encoded_split import EncodedSplit, encode_split
from vaescope.statistics.protocol import GroupStatistic, Statistic, Statistics


def encode_by_members(
    models: Iterable[LatentModel],
    data: FactorDataModule,
    *,
    split: str,
    num_samples: int,
    history: Sequence[Mapping[str, float]],
    previous: Mapping[int, Tensor] | None = None,
    **sizes: Any,
) -> Iterator[EncodedSplit]:
    """The split as each model encodes it, one after the other.

    Args:
        models: one, or the members of an ensemble.
        data: set up data module.
        split: ``val``, ``test`` or ``held_out``.
        num_samples: images, at most as many as the split has.
        history: rows of earlier evaluations, of all members.
        previous: mean codes of each member at the evaluation before, by seed.
        **sizes: ``step`` and numbers of images, as ``encode_split`` takes them.
    """
    index = data.evaluation_rows(split, min(num_samples, len(data.rows[split])))
    viewed = EvaluationBatches(data.dataset, data.view, data.split_seed)
    for model in models:
        own = [row for row in history if row["seed"] == model.seed]
        kept = (previous or {}).get(model.seed)
        yield encode_split(model, viewed, index, split=split, history=own, previous=kept, **sizes)


def scores_of_members(
    splits: Iterable[EncodedSplit], statistics: Statistics
) -> dict[int, dict[str, float]]:
    """All numbers of one evaluation: loss terms and statistics of each member, and of the group.

    Args:
        splits: as a single model or each member encodes them; the models are let go one by one.
        statistics: by name.

    Returns:
        Log keys and values by seed.
    """
    scores: dict[int, dict[str, float]] = {}
    codes = []
    for encoded in splits:
        numbers = encoded.named(encoded.losses)
        for statistic in statistics.values():
            if not isinstance(statistic, GroupStatistic):
                numbers |= _numbers(statistic, encoded)
        scores[encoded.model.seed] = numbers
        codes.append(encoded.codes())
    for statistic in statistics.values():
        if isinstance(statistic, GroupStatistic) and len(codes) > 1:
            for seed, more in zip(scores, statistic.together(codes), strict=True):
                scores[seed] |= more
    return scores


def _numbers(statistic: Statistic, encoded: EncodedSplit) -> dict[str, float]:
    """A statistic's numbers; one that fails on codes that are none says so."""
    try:
        return statistic(encoded)
    except Exception as error:
        if encoded.finite:
            raise
        raise TrainingDivergedError(
            f"not a finite number: codes, variances or losses of the evaluated images at step "
            f"{encoded.step}. Try a lower optimizer.lr or trainer=float32"
        ) from error
