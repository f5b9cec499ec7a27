"""Do single latents know single factors?"""

from functools import partial

from vaescope.alignment import linear_alignment, mean_correlation
from vaescope.metrics import information_family, neighbour_chance, neighbour_score
from vaescope.ranges import Bins, Count, in_range
from vaescope.statistics.encoded_split import EncodedSplit


class Disentanglement:
    """MIG of the posterior means with its chance level and the ceiling set by the bins.

    The same number as ``mig`` of the panel, by the same kinds of factors and the same shuffles.

    Args:
        bins: equal-width bins over each latent's range.

    Raises:
        ValueError: for fewer than 2 bins.
    """

    @in_range
    def __init__(self, bins: Bins = 20) -> None:
        self.bins = bins

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """Keys ``mig``, ``mig_chance``, ``mig_ceiling``, all in [0, 1]; mig high is good."""
        codes, factors = encoded.mean, encoded.factors
        if factors.shape[1] == 0:
            return {}
        kinds = encoded.factor_kinds
        found = information_family(codes, factors, kinds=kinds, bins=self.bins, repeats=0)["mig"]
        numbers = {"mig": found.score, "mig_chance": found.chance, "mig_ceiling": found.ceiling}
        return encoded.named("val", numbers)


class Neighbours:
    """The CVPR 2019 paper's disentanglement score, from nearest neighbours in single latents.

    Factors whose values stand in a line or a circle are regressed, like the paper's continuous
    ones, and categorical factors classified: with 32 ordered values as classes the score would be
    near 1 up to rotations of 20 degrees.

    Args:
        neighbours: k, at least 1.
        num_samples: held-out codes that are used, at most.

    Raises:
        ValueError: for a count below 1.
    """

    @in_range
    def __init__(self, neighbours: Count = 5, num_samples: Count = 10_000) -> None:
        self.neighbours = neighbours
        self.num_samples = num_samples

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``neighbour_score`` in [0, 1], high is good, its chance level, and the other reading."""
        codes, factors = encoded.mean[: self.num_samples], encoded.factors[: self.num_samples]
        if factors.shape[1] == 0:
            return {}
        continuous = [kind != "categorical" for kind in encoded.factor_kinds]
        score = partial(neighbour_score, codes, factors, continuous=continuous)
        numbers = {
            "neighbour_score": score(neighbours=self.neighbours).score,
            "neighbour_score_chance": neighbour_chance(
                codes, factors, continuous=continuous, neighbours=self.neighbours
            ),
        }
        if not all(continuous):
            excess = score(neighbours=self.neighbours, discrete="excess")
            numbers["neighbour_score_excess"] = excess.score
        return encoded.named("val", numbers)


class Identifiability:
    """Are the factors found again, in single latents or in all of them together?

    Circular and categorical factors are left out: their numbers stand in no line.
    """

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``mcc``, ``mcc_rank``, ``linear_r2``, all in [0, 1], high is good."""
        kept = [kind in ("continuous", "ordinal") for kind in encoded.factor_kinds]
        codes, factors = encoded.mean, encoded.factors[:, kept]
        if not any(kept) or len(codes) < 3:
            return {}
        numbers = {
            "mcc": mean_correlation(codes, factors),
            "mcc_rank": mean_correlation(codes, factors, rank=True),
            "linear_r2": linear_alignment(codes, factors),
        }
        return encoded.named("val", numbers)
