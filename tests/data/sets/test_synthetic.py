import numpy as np
import pytest
import torch

from vaescope.data import SyntheticLinear, SyntheticNonlinear, TinySquares
from vaescope.errors import ConfigError


def all_images(dataset):
    return dataset.batch(torch.arange(len(dataset))).image.double()


@pytest.mark.parametrize("ratio", [1.0, 1.2, 2.0])
def test_linear_variances_along_its_axes(ratio):
    dataset = SyntheticLinear(ratio=ratio)
    x = all_images(dataset)
    assert x.shape == (50_000, 3)
    lengths = dataset.mixing.double().norm(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([ratio, 1.0]).double(), rtol=1e-6, atol=0)
    axes = dataset.mixing.double() / lengths
    torch.testing.assert_close(axes.T @ axes, torch.eye(2).double(), rtol=0, atol=1e-6)
    # 50,000 uniform points: the variance is known to 0.4 %
    variances = (x @ axes).var(0).tolist()
    assert variances == pytest.approx([ratio**2 / 12, 1 / 12], rel=0.02)
    off_plane = torch.linalg.cross(axes[:, 0], axes[:, 1])
    assert (x @ off_plane).abs().max() < 1e-6


def test_linear_rotation_is_by_45_degrees_about_its_axis():
    mixing = SyntheticLinear(ratio=1.0).mixing.double()
    rotation = torch.cat([mixing, torch.linalg.cross(*mixing.T)[:, None]], dim=1)
    axis = torch.tensor([1.0, -1.0, 1.0]).double()
    torch.testing.assert_close(rotation @ axis, axis, rtol=0, atol=1e-6)
    assert rotation.trace().item() == pytest.approx(1 + 2 * np.cos(np.pi / 4), abs=1e-6)


def test_linear_vectors_are_the_mixing_of_the_factors():
    dataset = SyntheticLinear(num_points=100)
    batch = dataset.batch(torch.tensor([3, 99]))
    torch.testing.assert_close(batch.image, batch.factors @ dataset.mixing.T)
    torch.testing.assert_close(dataset.images(batch.factors), batch.image)
    assert torch.equal(dataset[3]["image"], batch.image[0])


def test_nonlinear_is_curved_bounded_and_repeatable():
    dataset = SyntheticNonlinear()
    x = all_images(dataset)
    assert x.shape == (50_000, 6)
    assert torch.equal(x, all_images(SyntheticNonlinear()))
    assert not torch.equal(x[:10], all_images(SyntheticNonlinear(num_points=10, data_seed=1)))
    values = dataset.values(torch.arange(len(dataset))).double()
    design = torch.cat([values, torch.ones(len(values), 1)], dim=1)
    residual = x - design @ torch.linalg.lstsq(design, x).solution
    unexplained = residual.var(0).sum() / x.var(0).sum()
    assert 1e-5 < unexplained < 0.5


def test_the_seed_belongs_to_the_points():
    one, two = SyntheticLinear(num_points=50), SyntheticLinear(num_points=50, data_seed=1)
    assert torch.equal(all_images(one), all_images(SyntheticLinear(num_points=50)))
    assert not torch.equal(all_images(one), all_images(two))
    assert torch.equal(one.mixing, two.mixing)


@pytest.mark.parametrize("arguments", [{"ratio": 0}, {"num_points": 0}, {"data_seed": -1}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        SyntheticLinear(**arguments)


def test_tiny_squares_are_squares_of_the_given_size_and_place():
    dataset = TinySquares()
    assert len(dataset) == 192
    batch = dataset.batch(torch.arange(192))
    image, factors = batch.image, batch.factors
    assert image.shape == (192, 1, 64, 64)
    assert set(image.unique().tolist()) == {0.0, 1.0}
    side = 8 + 6 * factors[:, 2]
    assert torch.equal(image.sum((1, 2, 3)).long(), side**2)
    pixel = torch.arange(64) + 0.5
    x = (image.sum((1, 2)) * pixel).sum(1) / image.sum((1, 2, 3))
    y = (image.sum((1, 3)) * pixel).sum(1) / image.sum((1, 2, 3))
    torch.testing.assert_close(x, 11.0 + 6 * factors[:, 0])
    torch.testing.assert_close(y, 11.0 + 6 * factors[:, 1])
    assert len(image.flatten(1).unique(dim=0)) == 192


def test_one_example_has_no_batch_axis_and_iteration_ends():
    dataset = TinySquares()
    assert dataset[-1]["image"].shape == (1, 64, 64)
    assert dataset[-1]["index"] == 191
    with pytest.raises(IndexError):
        dataset[192]
