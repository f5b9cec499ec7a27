"""Images that a modification is learnt from, and those that it is measured on."""

import numpy as np
import torch
from torch import Tensor

from vaescope.data.dataset import FactorDataset
from vaescope.modification.references import standardise
from vaescope.streams import stream


class Examples:
    """Images of a data set with their standardised factors: rows to learn from, rows kept back.

    Args:
        dataset: the original images.
        kept_back: rows to keep back; at most a tenth of all.
        seed: of the choice.
    """

    def __init__(self, dataset: FactorDataset, kept_back: int, seed: int) -> None:
        self.dataset, self.seed = dataset, seed
        rng = stream(seed, "modification/kept_back")
        number = max(1, min(kept_back, len(dataset) // 10))
        self.kept = np.sort(rng.choice(len(dataset), number, replace=False))

    def rows(self, step: int, number: int) -> np.ndarray:
        """Rows of one update, uniform over those that are not kept back."""
        rng = stream(self.seed, "modification/rows", step)
        drawn = rng.integers(len(self.dataset) - len(self.kept), size=number)
        # the n-th row that is not kept: n and the number of kept rows below it
        return drawn + np.searchsorted(self.kept - np.arange(len(self.kept)), drawn, side="right")

    def at(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Images [B, *image_shape] and standardised factors w [B, K] of rows."""
        index = torch.from_numpy(rows).to(self.dataset.device)
        images = self.dataset.images_at(index, index)
        return images, standardise(self.dataset.factors, self.dataset.values(index))
