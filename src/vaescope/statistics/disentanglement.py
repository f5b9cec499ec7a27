"""Statistics of disentanglement: do single latents know single factors?"""

from dataclasses import dataclass

from vaescope.alignment import linear_alignment
from vaescope.metrics import information_family, neighbour_chance, neighbour_score
from vaescope.panel import computations
from vaescope.ranges import Bins, Count
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options


@dataclass
class Disentanglement(Options):
    """Mutual information gap (MIG) of the posterior means, disentanglement_lib's convention.

    The same number as ``mig`` of the panel, by the same kinds of factors and the same shuffles.
    """

    bins: Bins = 20  # equal-width bins over each latent's range

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``mig`` with its chance level and the ceiling that the bins set; none without factors."""
        codes, factors, kinds = encoded.mean, encoded.factors, encoded.factor_kinds
        if factors.shape[1] == 0:
            return {}
        found = information_family(codes, factors, kinds=kinds, bins=self.bins, repeats=0)["mig"]
        return encoded.by_log_key(
            {"mig": found.score, "mig_chance": found.chance, "mig_ceiling": found.ceiling}
        )


@dataclass
class Neighbours(Options):
    """The CVPR 2019 paper's disentanglement score, from nearest neighbours in single latents.

    Factors whose values stand in a line or a circle are regressed, like the paper's continuous
    ones, and categorical factors classified: with 32 ordered values as classes the score would be
    near 1 up to rotations of 20 degrees.
    """

    neighbours: Count = 5  # k, at least 1
    num_samples: Count = 10_000  # codes that are used, at most

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``neighbour_score``, its chance level, and the other reading of categorical factors."""
        if encoded.factors.shape[1] == 0:
            return {}
        sample = encoded.sample(self.num_samples)
        rows, k, regressed = (sample.codes, sample.factors), self.neighbours, sample.regressed
        numbers = computations.neighbours(sample, k)
        chance = neighbour_chance(*rows, continuous=regressed, neighbours=k)
        numbers["neighbour_score_chance"] = chance
        if not all(regressed):
            excess = neighbour_score(*rows, continuous=regressed, neighbours=k, discrete="excess")
            numbers["neighbour_score_excess"] = excess.score
        return encoded.by_log_key(numbers)


class Identifiability:
    """Are continuous and ordinal factors found again, in single latents or in all of them together?

    Circular and categorical factors are left out: their numbers stand in no line. A factor that is
    left without a latent counts 0.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``mcc``, ``mcc_rank``, ``linear_r2``; none without such factors."""
        if not {"continuous", "ordinal"} & set(encoded.factor_kinds) or len(encoded.mean) < 4:
            return {}
        ordered = encoded.sample().ordered
        r2 = linear_alignment(ordered.codes, ordered.factors)
        return encoded.by_log_key(computations.mcc(ordered) | {"linear_r2": r2})
