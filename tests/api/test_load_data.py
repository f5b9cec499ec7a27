"""Data from Python: the sets of the command line by name, and arrays in memory."""

import numpy as np
import pytest
import torch

import vaescope
from builders.composition import composed
from vaescope.config.loading import build
from vaescope.data import ArraysDataModule, Pairs
from vaescope.data.sets.modified.originals import name_of, offered
from vaescope.errors import ConfigError, DataError, InputError


def batches(data, part="train", most=3):
    loader = getattr(data, f"{part}_dataloader")()
    return [batch for _, batch in zip(range(most), loader, strict=False)]


def same(one, other):
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.factors, b.factors)
        assert torch.equal(a.rows, b.rows)


def test_a_named_set_is_that_of_the_command_line():
    words = ["data=tiny", "data.batch_size=8", "data.split=[0.5,0.25,0.25]", "seed=4"]
    theirs = build(composed("train", words).data, "data")
    theirs.setup()
    ours = vaescope.load_data("tiny", batch_size=np.int64(8), split=(0.5, 0.25, 0.25), seed=4)
    for part in ("train", "val", "test"):
        same(batches(ours, part), batches(theirs, part))


def test_a_view_is_named_or_given():
    named = vaescope.load_data("tiny", view="pairs_strict")
    given = vaescope.load_data("tiny", view=Pairs(k=None, policy="strict"))
    assert len(batches(named)[0].partners) == 1
    for part in ("train", "val"):  # validation has partners, too
        same([b.partners[0] for b in batches(named, part)], batches_of_partners(given, part))


def batches_of_partners(data, part):
    return [batch.partners[0] for batch in batches(data, part)]


def test_combinations_are_held_out_by_name():
    data = vaescope.load_data("tiny", hold_out="recombination")
    assert len(data.rows["held_out"]) > 0


@pytest.mark.parametrize("tensor", [False, True])
def test_images_in_memory_are_served_as_they_are(tensor):
    images = np.random.default_rng(0).integers(0, 256, (60, 9, 7, 3), dtype=np.uint8)
    factors = np.stack([np.arange(60) % 5, np.arange(60) // 12], 1)
    given = (torch.from_numpy(images), torch.from_numpy(factors)) if tensor else (images, factors)
    data = vaescope.load_data(given[0], factors=given[1], batch_size=10)
    assert data.image_shape == (3, 9, 7)
    assert data.factors.sizes == (5, 5)
    for batch in batches(data):
        expected = torch.from_numpy(images)[batch.rows].permute(0, 3, 1, 2) / 255
        assert torch.equal(batch.image, expected)
        assert torch.equal(batch.factors, torch.from_numpy(factors)[batch.rows])


def test_tensors_as_networks_have_them_are_taken():
    images = torch.rand(40, 3, 8, 8)
    data = vaescope.load_data(images.requires_grad_(), batch_size=8)
    batch = batches(data)[0]
    assert (batch.image - images[batch.rows]).abs().max() <= 0.5 / 255 + 1e-6  # 8 bits
    assert batch.factors.shape == (8, 0)


def test_vectors_stay_as_precise_as_float32():
    vectors = torch.randn(40, 6, dtype=torch.float64)
    data = vaescope.load_data(vectors, batch_size=8)
    batch = batches(data)[0]
    assert torch.equal(batch.image, vectors[batch.rows].float())


def test_factors_are_columns_by_name():
    columns = {"shade": ["dark", "light"] * 20, "width": np.linspace(0, 2, 40)}
    data = vaescope.load_data(np.zeros((40, 8, 8)), factors=columns)
    assert data.factors.names == ("shade", "width")
    assert data.factors.kinds == ("categorical", "continuous")


def test_images_in_memory_do_not_stand_for_files_of_ones_own():
    assert offered()["arrays"] is ArraysDataModule
    with pytest.raises(ConfigError, match="take data=arrays"):
        name_of(vaescope.load_data(np.zeros((20, 8, 8))))


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: vaescope.load_data("dsprits"), ConfigError, "did you mean 'dsprites'"),
        (lambda: vaescope.load_data("tiny", batchsize=3), ConfigError, "mean 'batch_size'"),
        (lambda: vaescope.load_data("tiny", batch_size=0), ConfigError, "batch_size: 0 is not"),
        (lambda: vaescope.load_data("tiny", view="pairs"), ConfigError, "'pairs_strict'"),
        (lambda: vaescope.load_data("tiny", factors=[1]), ConfigError, "which has its own"),
        (lambda: vaescope.load_data("tiny", seed=object()), InputError, "give plain values"),
        (lambda: vaescope.load_data(None), InputError, "NoneType"),
        (lambda: vaescope.load_data(np.zeros((0, 8, 8))), InputError, "hold nothing"),
        (lambda: vaescope.load_data(np.zeros((9, 8, 8)), sise=1), ConfigError, "take no 'sise'"),
        (lambda: vaescope.load_data(np.zeros(9)), ConfigError, r"images are numbers \[N, H, W\]"),
        (
            lambda: vaescope.load_data(np.zeros((20, 8, 8)), factors=[1, 2]),
            DataError,
            "2 rows of factor values for 20 images",
        ),
        (
            lambda: vaescope.load_data(torch.full((20, 4), torch.nan)),
            DataError,
            "not finite, the first in row 0",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told(call, error, told):
    with pytest.raises(error, match=told):
        call()
