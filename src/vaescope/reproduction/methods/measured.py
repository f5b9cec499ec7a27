"""What was measured of every method on every set: one value a seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vaescope.reproduction.methods.names import SETS, Compared, compared
from vaescope.reproduction.results import Result, Results
from vaescope.scores import flag_of

MIG, DCI, DTO = "MIG", "DCI", "DtO / chance"
SCORES = {
    MIG: "test/mig",
    DCI: "test/dci_disentanglement",
    DTO: "test/dto_active_ratio",
    "Δ_KL": "test/polarization_gap",
    "active latents": "test/active_by_variance",
    "reconstruction": "test/reconstruction",
    "UDR": "test/udr",
    "agreement": "test/agreement_rank_mcc",
}


@dataclass(frozen=True)
class Finished:
    """A method on a set, trained."""

    of: Compared
    result: Result

    def values(self, score: str) -> np.ndarray:
        """A score of every seed ``[n]``, nan where it is not defined."""
        self.result.asked_scores.add(SCORES[score])
        found = [row.get(SCORES[score]) for row in self.result.rows]
        return np.array([np.nan if value is None else value for value in found], dtype=float)

    def mean(self, score: str) -> float:
        """Mean over the seeds that have it; nan without any."""
        known = self.values(score)[np.isfinite(self.values(score))]
        return float(known.mean()) if len(known) else np.nan

    @property
    def over_pruned(self) -> np.ndarray:
        """Whether a seed has fewer active latents than factors ``[n]``; not of autoencoders."""
        return np.array([bool(flag_of(row)) for row in self.result.rows], dtype=bool)

    @property
    def seconds(self) -> float:
        """Of training, a seed; nan if that was not written down."""
        seeds = len(self.result.rows) + len(self.result.diverged)
        return float(self.result.beside.get("seconds", np.nan)) / seeds


def finished(results: Results) -> Iterator[Finished]:
    """All that have scores, the sets in their order."""
    every = [Finished(compared(name), r) for name, r in results.items() if r.rows]
    for data in SETS:
        yield from (one for one in every if one.of.data == data)


@dataclass(frozen=True)
class Pooled:
    """All runs of a set, or of several.

    Attributes:
        values: by score, one of each run ``[n]``.
        methods: number of each run's method and set ``[n]``.
        over_pruned: whether it is ``[n]``.
        labels: of each run: method and seed.
    """

    values: dict[str, np.ndarray]
    methods: np.ndarray
    over_pruned: np.ndarray
    labels: list[str]

    def kept(self) -> "Pooled":
        """Without over-pruned runs."""
        which = ~self.over_pruned
        values = {score: numbers[which] for score, numbers in self.values.items()}
        labels = [label for label, keep in zip(self.labels, which, strict=True) if keep]
        return Pooled(values, self.methods[which], self.over_pruned[which], labels)


def pooled(every: list[Finished]) -> Pooled:
    """All seeds of these."""
    values = {score: np.concatenate([one.values(score) for one in every]) for score in SCORES}
    counts = [len(one.result.rows) for one in every]
    labels = [f"{one.of.title}, seed {row['seed']}" for one in every for row in one.result.rows]
    pruned = np.concatenate([one.over_pruned for one in every])
    return Pooled(values, np.repeat(np.arange(len(every)), counts), pruned, labels)
