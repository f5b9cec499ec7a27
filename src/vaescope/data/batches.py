"""Which rows make which training batch: a pure function of seed and step."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch, BatchSlice, Call, Plan, on_tensors
from vaescope.streams import stream


class EpochBatches:
    """Rows of the batch of every training step, each row once per epoch in a fresh order.

    Step t is batch ``t % n`` of epoch ``t // n``; the rows left over by n whole batches are not
    used in that epoch. With weights every batch is drawn with replacement instead.

    Args:
        index: row numbers of the training set, int64 `[N]`.
        batch_size: rows per batch, 1..N.
        weights: of these rows, float64 `[N]`, at least 0 and not all 0; None: each once per epoch.
    """

    def __init__(
        self, index: Tensor, batch_size: int, seed: int, weights: Tensor | None = None
    ) -> None:
        if not 1 <= batch_size <= len(index):
            raise ConfigError(
                f"batch_size={batch_size} was given for {len(index)} training examples; choose "
                f"1..{len(index)}"
            )
        self.index, self.batch_size, self.seed = index, batch_size, seed
        self._cumulative = None if weights is None else np.cumsum(weights.double().numpy())
        self._epoch, self._order = -1, index

    def __len__(self) -> int:
        return len(self.index) // self.batch_size

    def indices(self, step: int) -> Tensor:
        """Rows int64 `[B]` of the batch of training step ``step`` (from 0)."""
        if self._cumulative is not None:
            share = stream(self.seed, "batches", step).random(self.batch_size)
            drawn = np.searchsorted(self._cumulative, share * self._cumulative[-1], side="right")
            return self.index[torch.from_numpy(np.minimum(drawn, len(self.index) - 1))]
        epoch, batch = divmod(step, len(self))
        if epoch != self._epoch:
            order = stream(self.seed, "batches", epoch).permutation(len(self.index))
            self._epoch, self._order = epoch, self.index[torch.from_numpy(order.astype(np.int64))]
        return self._order[batch * self.batch_size : (batch + 1) * self.batch_size]

    def all_indices(self, first: int, count: int) -> Tensor:
        """Rows int64 `[count * B]` of the batches of ``count`` steps from ``first`` on."""
        last = first + count - 1
        rows = self.indices(last)
        if self._cumulative is None and first // len(self) == self._epoch:
            begin, end = first % len(self), last % len(self) + 1
            return self._order[begin * self.batch_size : end * self.batch_size]
        return torch.cat([*map(self.indices, range(first, last)), rows])


class View(Protocol):
    """Partners and labels of the images of each batch; see ``vaescope.data.views``."""

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse a data set or a batch size that the view cannot serve."""

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The plan of a batch that begins with the rows ``index`` `[B]` of the lookup."""


class PlannedBatches:
    """The plan of the batch of every training step.

    Args:
        batches: the rows.
        dataset: the data set they are of.
        view: adds partners and labels; None: single images.
        lookup: shared by the members of an ensemble.
    """

    def __init__(
        self, batches: EpochBatches, dataset: FactorDataset, view: View | None, lookup: RowLookup
    ) -> None:
        self.batches, self.dataset, self.view, self.lookup = batches, dataset, view, lookup

    def __len__(self) -> int:
        return len(self.batches)

    def plan(self, step: int) -> Plan:
        """What is gathered for training step ``step`` (from 0)."""
        seed, plan = self.batches.seed, Plan(self.batches.indices(step))
        if self.view is not None:
            assert plan.rows is not None
            plan = self.view(plan.rows, self.lookup, stream(seed, "view", step))
        if self.dataset.has_nuisance:
            plan = plan.with_draws(stream(seed, "draw", step))
        return plan

    def plans(self, first: int, count: int) -> Plan:
        """The plans of ``count`` steps from ``first`` on, one after the other."""
        if self.view is None and not self.dataset.has_nuisance:
            return Plan(self.batches.all_indices(first, count))
        return _joined([self.plan(step) for step in range(first, first + count)])


class MemberBatches:
    """Plans of the batches of all members of an ensemble, one member after the other."""

    def __init__(self, members: Sequence[PlannedBatches]) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members[0])

    def plan(self, step: int) -> Plan:
        """All members' plans for step ``step`` (from 0), `[S * B]` rows."""
        return _joined([batches.plan(step) for batches in self.members])

    def plans(self, first: int, count: int) -> Plan:
        """The plans of ``count`` steps from ``first`` on, one after the other."""

        def by_step(*columns: Tensor) -> Tensor:
            return torch.stack([c.unflatten(0, (count, -1)) for c in columns], 1).flatten(0, 2)

        each = [batches.plans(first, count) for batches in self.members]
        planned: Plan = on_tensors(by_step, *each)
        return planned


class SlicedBatches:
    """Plans of the rows of each batch that one of several processes takes.

    Args:
        batches: of the whole run, whose random numbers do not know of the processes.
        own: this process's rows.
    """

    def __init__(self, batches: PlannedBatches, own: BatchSlice) -> None:
        self.batches, self.own = batches, own

    def __len__(self) -> int:
        return len(self.batches)

    def plan(self, step: int) -> Plan:
        """This process's plan for step ``step`` (from 0)."""
        own: Plan = on_tensors(self.own.of, self.batches.plan(step))
        return own

    def plans(self, first: int, count: int) -> Plan:
        """The plans of ``count`` steps from ``first`` on, one after the other."""
        return _joined([self.plan(step) for step in range(first, first + count)])


def _joined(plans: Sequence[Plan]) -> Plan:
    planned: Plan = on_tensors(lambda *columns: torch.cat(columns), *plans)
    return planned


class EvaluationBatches:
    """Batches of given rows with the partners and labels that the view gives them in training.

    Args:
        dataset: the data set, on any device; any of its rows may be a partner.
        view: adds partners and labels; None: nothing does.
        seed: of the partners; the same ones for the same rows at every evaluation.
    """

    def __init__(self, dataset: FactorDataset, view: View | None, seed: int) -> None:
        self.dataset, self.view, self.seed = dataset, view, seed
        self._lookup = RowLookup(dataset, torch.arange(len(dataset)))

    def plan(self, index: Tensor, number: int) -> Plan:
        """What is gathered of the rows ``index``; a view of groups replaces some.

        Args:
            number: of the batch, so that each has random numbers of its own.
        """
        if self.view is None:
            return Plan(index)
        return self.view(index, self._lookup, stream(self.seed, "view of held out", number))

    def batch(self, index: Tensor, number: int) -> Batch:
        """The rows ``index`` as a method is trained on them; arguments as of ``plan``."""
        return self.dataset.gather(self.plan(index, number))


class StepSampler(SequentialSampler):
    """Batches of one epoch's length, beginning with the step that training has reached.

    Like ``OrderedBatches`` it is a ``SequentialSampler`` only in name: Lightning's
    ``overfit_batches`` replaces any other kind by one that gives single rows.

    Args:
        batches: the plan of every step.
        first_step: the number of batches trained on so far, asked whenever an iteration begins.
        call_length: number of updates in the call that begins with a step; None: 1.
    """

    def __init__(
        self,
        batches: PlannedBatches | MemberBatches | SlicedBatches,
        first_step: Callable[[], int],
        call_length: Callable[[int], int] | None = None,
    ) -> None:
        super().__init__(batches)
        self.batches, self.first_step, self.call_length = batches, first_step, call_length

    def __iter__(self) -> Iterator[Any]:  # plans and calls; the base class says int
        step = self.first_step()
        last = step + len(self)
        while step < last:
            length = 1 if self.call_length is None else self.call_length(step)
            if length == 1:
                yield self.batches.plan(step)
            else:
                yield Call(self.batches.plans(step, length), length)
            step += length

    def __len__(self) -> int:
        return len(self.batches)


class OrderedBatches(SequentialSampler):
    """Batches of all rows, int64 `[n]`, in the given order; the last one may be short.

    Args:
        rows: of a part of the data.
        batch_size: rows per batch, but of the last.
        viewed: adds the partners and labels of the data's view, if it has one.
    """

    def __init__(self, rows: Tensor, batch_size: int, viewed: EvaluationBatches) -> None:
        self.batches, self.viewed = rows.split(batch_size), viewed
        super().__init__(self.batches)

    def __iter__(self) -> Iterator[Any]:  # Plan; the base class says int
        for number, index in enumerate(self.batches):
            yield self.viewed.plan(index, number)


class BatchLoader(DataLoader[Any]):
    """Loader whose data set receives the row numbers of a whole batch at once.

    Args:
        dataset: gives the batch for row numbers `[B]` or a plan.
        sampler: the row numbers or the plan of each batch.
        num_workers: worker processes; the batches do not depend on it.
    """

    def __init__(self, dataset: Dataset[Any], sampler: Any, num_workers: int) -> None:
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


class PlanOnly(Dataset[Plan | Call]):
    """Stand-in for a data set that lives on the accelerator, where batches are gathered later."""

    def __getitem__(self, index: Tensor | Plan | Call) -> Plan | Call:
        return index if isinstance(index, Plan | Call) else Plan(index)
