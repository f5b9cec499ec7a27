"""Which rows make which training batch: a pure function of seed and step."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from vaescope.data.dataset import Batch
from vaescope.errors import ConfigError
from vaescope.streams import stream


class EpochBatches:
    """Rows of the batch of every training step, each row once per epoch in a fresh order.

    Step t is batch ``t % n`` of epoch ``t // n``; the rows left over by n whole batches are not
    used in that epoch.

    Args:
        index: row numbers of the training set, int64 `[N]`.
        batch_size: rows per batch, 1..N.
        seed: of the order, at least 0.

    Raises:
        ConfigError: ``batch_size`` does not fit the number of rows.
    """

    def __init__(self, index: Tensor, batch_size: int, seed: int) -> None:
        if not 1 <= batch_size <= len(index):
            raise ConfigError(
                f"batch_size={batch_size} was given for {len(index)} training examples; choose "
                f"1..{len(index)}"
            )
        self.index = index
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = -1
        self._order = index

    def __len__(self) -> int:
        return len(self.index) // self.batch_size

    def indices(self, step: int) -> Tensor:
        """Rows int64 `[B]` of the batch of training step ``step`` (from 0)."""
        epoch, batch = divmod(step, len(self))
        if epoch != self._epoch:
            order = stream(self.seed, "batches", epoch).permutation(len(self.index))
            self._epoch, self._order = epoch, self.index[torch.from_numpy(order.astype(np.int64))]
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]


class MemberBatches:
    """Rows of the batches of all members of an ensemble, one member after the other.

    Args:
        members: of each member, in their order.
    """

    def __init__(self, members: Sequence[EpochBatches]) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members[0])

    def indices(self, step: int) -> Tensor:
        """Rows int64 `[S * B]` of the batches of training step ``step`` (from 0)."""
        return torch.cat([batches.indices(step) for batches in self.members])


class StepSampler(SequentialSampler):
    """Batches of one epoch's length, beginning with the step that training has reached.

    Like ``OrderedBatches`` it is a ``SequentialSampler`` only in name: Lightning's
    ``overfit_batches`` replaces any other kind by one that gives single rows.

    Args:
        batches: the batch of every step.
        first_step: the number of batches trained on so far, asked whenever an iteration begins.
    """

    def __init__(
        self, batches: EpochBatches | MemberBatches, first_step: Callable[[], int]
    ) -> None:
        super().__init__(batches)
        self.batches = batches
        self.first_step = first_step

    def __iter__(self) -> Iterator[Any]:  # Tensor; the base class says int
        first = self.first_step()
        return map(self.batches.indices, range(first, first + len(self)))

    def __len__(self) -> int:
        return len(self.batches)


class OrderedBatches(SequentialSampler):
    """Batches of all rows in the given order; the last one may be short.

    Args:
        rows: row numbers int64 `[n]`.
        batch_size: rows per batch.
    """

    def __init__(self, rows: Tensor, batch_size: int) -> None:
        self.batches = rows.split(batch_size)
        super().__init__(self.batches)

    def __iter__(self) -> Iterator[Any]:  # Tensor; the base class says int
        return iter(self.batches)


class BatchLoader(DataLoader[Batch]):
    """Loader whose data set receives the row numbers of a whole batch at once.

    Args:
        dataset: gives the batch for row numbers `[B]`.
        sampler: the row numbers of each batch.
        num_workers: worker processes; the batches do not depend on it.
    """

    def __init__(self, dataset: Dataset[Batch], sampler: Any, num_workers: int) -> None:
        super().__init__(
            dataset,
            sampler=sampler,
            batch_size=None,
            num_workers=num_workers,
            generator=torch.Generator(),  # else every epoch draws from the global one
        )

    def state_dict(self) -> dict[str, int]:
        """Nothing: the position follows from the trainer. It tells Lightning we can resume."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing to load."""


class RowNumbers(Dataset[Batch]):
    """Stand-in for a data set that lives on the accelerator: passes the row numbers through."""

    def __getitem__(self, index: Tensor) -> Batch:
        return {"index": index}
