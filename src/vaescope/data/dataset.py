"""Data sets as vectorised functions from factor values to images."""

from typing import Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vaescope.data.factors import Factors

Batch = dict[str, Tensor]


class FactorDataset(Dataset[Batch]):
    """Images (or vectors) made by known factors, served in whole batches.

    A subclass sets the attributes and writes ``__len__`` and ``images``; where rows are not all
    combinations of the factors in order also ``values``, and where images are stored ``batch``.

    Attributes:
        factors: what the images vary in.
        image_shape: ``(C, H, W)``, or ``(X,)`` for vectors.
        source: where the pixels came from; recorded with every result.
        device: where ``values``, ``images`` and ``batch`` put their results.
    """

    factors: Factors
    image_shape: tuple[int, ...]
    source: str
    device: torch.device = torch.device("cpu")

    def __len__(self) -> int:
        return self.factors.num_combinations

    def values(self, index: Tensor) -> Tensor:
        """Factor values `[B, K]` of the rows ``index`` `[B]`."""
        return self.factors.values(index.to(self.device))

    def images(self, values: Tensor) -> Tensor:
        """Images `[B, *image_shape]` of factor values `[B, K]`.

        Returns:
            float32 in [0, 1]; for vector data any float32.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define images(values)")

    def batch(self, index: Tensor) -> Batch:
        """Rows ``index`` `[B]` as one batch.

        Args:
            index: int64 row numbers `[B]` in 0..len-1.

        Returns:
            ``image`` float32 `[B, *image_shape]`, ``factors`` `[B, K]`, ``index`` int64 `[B]`.
        """
        index = index.to(self.device)
        values = self.values(index)
        return {"image": self.images(values), "factors": values, "index": index}

    def __getitem__(self, index: int | Tensor) -> Batch:
        if isinstance(index, Tensor) and index.ndim:
            return self.batch(index)
        row = range(len(self))[int(index)]  # raises IndexError, which ends iteration
        return {name: column[0] for name, column in self.batch(torch.tensor([row])).items()}

    @property
    def num_bytes(self) -> int:
        """Bytes that ``to`` places on a device."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, Tensor))

    def to(self, device: torch.device | str) -> Self:
        """Move all tensors held by the data set to ``device``, in place; returns the data set."""
        self.device = torch.device(device)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(self.device))
        return self
