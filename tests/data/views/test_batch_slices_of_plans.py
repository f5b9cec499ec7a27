"""Processes that share a batch take the rows, partners and labels of the batch of one."""

import pytest
import torch

from vaescope.data import TinySquaresDataModule
from vaescope.data.batches import SlicedBatches
from vaescope.data.views.groups import Groups, Labels
from vaescope.data.views.labelled import Labelled
from vaescope.data.views.pairs import Pairs, Triplets
from vaescope.data.views.sequences import Sequences
from vaescope.data.views.temporal import LaplaceTransitions
from vaescope.minibatch import BatchSlice, on_tensors

VIEWS = [
    None,
    Pairs(),
    Triplets(),
    Labels(),
    Labelled(num_labelled=10),
    LaplaceTransitions(),
    Sequences(4),
    Groups("label", 2),
]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: type(view).__name__)
def test_slices_put_together_are_the_batch(view):
    if isinstance(view, Groups):
        view = Groups(TinySquaresDataModule().factors.names[0], 2)
    datamodule = TinySquaresDataModule(seed=3, batch_size=8, view=view)
    datamodule.setup()
    whole = datamodule.epoch_batches()
    slices = [SlicedBatches(whole, BatchSlice(rank, 2)) for rank in range(2)]
    assert {len(each) for each in slices} == {len(whole)}
    for step in (0, 30):
        parts = [each.plan(step) for each in slices]
        joined = on_tensors(lambda *columns: torch.cat(columns), *parts)
        on_tensors(lambda a, b: torch.testing.assert_close(a, b), joined, whole.plan(step))
        assert len(parts[0].rows) == 4
    assert torch.equal(slices[1].plans(2, 2).rows[:4], slices[1].plan(2).rows)
