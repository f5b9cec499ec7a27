"""Modified sets: what is added to which image, what is refused, what a stop leaves."""

import numpy as np
import pytest
import torch

from vaescope.data import ModifiedDataModule, Panels, PanelsDataModule, write_modified

EPSILON = 0.15
ROWS = torch.arange(1024)


def waves(values, rows):
    """A function of the factors in [-1, 1], another one in each pixel."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(2, 256, generator=generator)
    return torch.sin(values.float() / 4 @ directions).view(-1, 1, 16, 16)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("modified") / "waves"
    return write_modified(made, PanelsDataModule(amplitude=0.1), waves, EPSILON, {"made": "waves"})


def dataset_of(**options):
    module = ModifiedDataModule(**options)
    module.setup()
    return module.dataset


def test_an_image_is_the_originals_plus_the_rounded_change(folder):
    modified, original = dataset_of(path=folder), Panels(amplitude=0.1)
    batch, plain = modified.batch(ROWS), original.batch(ROWS)
    change = batch.image.double() - plain.image.double()
    assert change.abs().max() <= EPSILON
    assert change.abs().max() > 0.99 * EPSILON
    rounded = (waves(plain.factors, ROWS) * 127).round() / 127 * EPSILON
    assert (change - rounded).abs().max() < 1e-6
    assert torch.equal(batch.factors, plain.factors)
    assert np.load(folder / "change.npy").nbytes == 1024 * 256
