"""The digits are scikit-learn's, whatever their size."""

import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from vaescope.data.dataset import RenderedDataset
from vaescope.data.row_lookup import RowLookup
from vaescope.data.sets.digits import Digits, DigitsDataModule
from vaescope.errors import ConfigError

ROWS = torch.arange(1797)


def test_pixels_and_labels_are_those_of_scikit_learn():
    bundled = load_digits()
    dataset = Digits()
    assert len(dataset) == 1797
    batch = dataset.batch(ROWS)
    image = batch.image
    assert (image.shape, image.dtype) == ((1797, 1, 8, 8), torch.float32)
    assert np.array_equal(image[:, 0].numpy() * 16, bundled.images)
    assert (image.min(), image.max()) == (0, 1)
    assert np.array_equal(dataset.labels.numpy(), bundled.target)
    assert dataset.labels.dtype == torch.int64
    assert (batch.factors.shape, batch.factors.dtype) == ((1797, 0), torch.int64)
    assert "scikit-learn" in dataset.source


def interpolation(size):
    """Weights `[size, 8]` of linear interpolation between the centres of 8 pixels."""
    position = ((np.arange(size) + 0.5) * 8 / size - 0.5).clip(0, 7)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(8)))


@pytest.mark.parametrize("size", [32, 64])
def test_larger_digits_are_interpolated_bilinearly(size):
    dataset = Digits(size)
    assert dataset.image_shape == (1, size, size)
    weights = interpolation(size)
    small = load_digits().images / 16
    image = dataset.batch(ROWS).image[:, 0]
    np.testing.assert_allclose(image.numpy(), weights @ small @ weights.T, rtol=0, atol=1e-6)
    assert image.min() >= 0
    assert image.max() <= 1
    assert f"{size} x {size}" in dataset.source


@pytest.mark.parametrize("size", [8, 64])
def test_the_module_knows_its_shape_and_serves_batches(size):
    module = DigitsDataModule(size=size, batch_size=32)
    assert module.image_shape == (1, size, size)
    assert len(module.factors) == 0
    module.setup()
    batch = next(iter(module.train_dataloader()))
    assert batch.image.shape == (32, *module.image_shape)
    assert torch.equal(batch.image, Digits(size).batch(batch.rows).image)


def test_no_image_is_made_of_factors():
    assert not isinstance(Digits(), RenderedDataset)


@pytest.mark.parametrize("make", [Digits, lambda size: DigitsDataModule(size=size)])
def test_other_sizes_are_refused_before_anything_is_read(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConfigError, match="size=28: give one of 8, 32, 64"):
        make(28)


def test_images_without_factors_are_not_found_by_them():
    lookup = RowLookup(Digits(), torch.arange(1797))
    with pytest.raises(ValueError, match="without factors"):
        lookup.find(lookup.values[:2], np.random.default_rng(0))
