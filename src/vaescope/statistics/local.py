"""Are latents aligned with factors near each image, if not over the whole data set?"""

from dataclasses import dataclass

import torch

from vaescope.metrics import local_boxes, local_mig
from vaescope.ranges import AtLeastTwo, Bins, Count, Share
from vaescope.statistics.encoded_split import EncodedSplit
from vaescope.statistics.protocol import Options


@dataclass
class LocalDisentanglement(Options):
    """MIG inside small boxes of factor values, whose images are encoded for it."""

    boxes: Count = 20  # number of boxes around random combinations
    points: AtLeastTwo = 500  # images drawn in each box, of the whole data set
    reach: Share = 0.1  # half the width of a box as a share of a factor's number of values
    # factors with fewer values, and categorical ones, keep one value in a box
    least: AtLeastTwo = 10
    bins: Bins = 5  # equal-width bins over each latent's range inside a box

    def __call__(self, encoded: EncodedSplit) -> dict[str, float]:
        """``local_mig`` in [0, 1], high is good, ``local_mig_chance``, ``local_mig_ceiling``.

        Nothing if factors are continuous, some combination has no image or no factor has so many
        values that a box holds two of them.
        """
        factors = encoded.dataset.factors
        grid = len(factors) > 0 and "continuous" not in factors.kinds
        if not grid or len(encoded.dataset) != factors.num_combinations:
            return {}
        values = local_boxes(
            factors.sizes,
            kinds=factors.kinds,
            boxes=self.boxes,
            points=self.points,
            reach=self.reach,
            least=self.least,
        )
        if not bool((values != values[:, :1]).any()):
            return {}
        codes = encoded.encode(factors.index(values.flatten(0, 1)))
        codes = codes.view(self.boxes, self.points, -1)
        order = torch.randperm(self.points, generator=torch.Generator().manual_seed(0))
        numbers = {
            "local_mig": local_mig(codes, values, bins=self.bins).score,
            "local_mig_chance": local_mig(codes, values[:, order], bins=self.bins).score,
            "local_mig_ceiling": local_mig(values.double(), values, bins=self.bins).score,
        }
        return encoded.by_log_key(numbers)
