"""Held-out rows with the further images that training's view would give them."""

import torch
from torch import Tensor

from vaescope.data.batches import View
from vaescope.data.dataset import Batch, FactorDataset
from vaescope.data.pool import Pool
from vaescope.streams import stream


class Viewed:
    """Batches of given rows as a method is trained on them; any row may be a further image.

    Args:
        dataset: the data set, on any device.
        view: what adds further images; None: nothing does.
        seed: of the further images; the same ones for the same rows at every evaluation.
    """

    def __init__(self, dataset: FactorDataset, view: View | None, seed: int) -> None:
        self.dataset, self.view, self.seed = dataset, view, seed
        self._pool = Pool(dataset, torch.arange(len(dataset)))

    def batch(self, index: Tensor, number: int) -> Batch:
        """The rows ``index`` `[B]` and their further images.

        Args:
            index: row numbers int64 `[B]`; a view of groups replaces some of them.
            number: of the batch, so that each has random numbers of its own.
        """
        if self.view is None:
            return self.dataset.batch(index)
        rng = stream(self.seed, "view of held out", number)
        return self.dataset.gather(self.view(index, self._pool, rng))
