"""Uniform noise on a data set: its distribution and bounds; an image is always the same."""

import pytest
import torch
from scipy import stats

from vaescope.data import (
    ColorDSpritesDataModule,
    FactorDataset,
    ImageFolderDataModule,
    Pairs,
    Panels,
    PanelsDataModule,
    SyntheticLinearDataModule,
    TinySquares,
    TinySquaresDataModule,
    UniformNoise,
    UniformNoiseDataModule,
)
from vaescope.errors import ConfigError

ROWS = torch.arange(1024)


def noise_of(**options):
    module = UniformNoiseDataModule(original=PanelsDataModule(), **options)
    module.setup()
    return (module.dataset.batch(ROWS).image - Panels().batch(ROWS).image).double()


def test_noise_is_uniform_and_independent_over_pixels_and_rows():
    noise = noise_of(epsilon=0.15).flatten(1)
    assert 0.1499 < noise.abs().max() <= 0.15
    assert stats.kstest(noise.flatten().numpy(), "uniform", (-0.15, 0.3)).pvalue > 0.01
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean(), (noise[1:] * noise[:-1]).mean()
    for covariance in neighbours:  # standard deviation 0.0075 / sqrt(261,000)
        assert abs(covariance) < 5 * 0.15**2 / 3 / 511


@pytest.mark.parametrize("epsilon", [0.1, 0.175, 1])
def test_no_pixel_changes_by_more_than_epsilon(epsilon):
    dataset = UniformNoise(TinySquares(), epsilon, clip=False)
    rows = torch.arange(192)
    change = dataset.batch(rows).image.double() - TinySquares().batch(rows).image.double()
    assert change.abs().max() <= epsilon
    clipped = UniformNoise(TinySquares(), epsilon).batch(rows).image
    assert (clipped.amin(), clipped.amax()) == (0, 1)
    assert torch.equal(clipped, dataset.batch(rows).image.clamp(0, 1))


def test_an_image_is_always_the_same_in_any_batch():
    dataset = UniformNoise(Panels(), 0.1)
    image = dataset.batch(ROWS).image
    rows = torch.tensor([5, 1023, 5])
    assert torch.equal(dataset.batch(rows).image, image[rows])
    again = dataset.batch(rows, draw=torch.tensor([1, 2, 3])).image
    assert torch.equal(again, image[rows])  # noise is no nuisance, which training draws anew
    assert not dataset.has_nuisance


def test_seeds_give_other_noise_and_epsilon_scales_it():
    first = noise_of(epsilon=0.1)
    assert torch.equal(first, noise_of(epsilon=0.1))
    other = noise_of(epsilon=0.1, noise_seed=1)
    correlation = torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]
    assert abs(correlation) < 0.01
    assert torch.allclose(noise_of(epsilon=0.15), 1.5 * first, atol=1e-6)


def test_nuisance_of_the_original_stays_and_is_not_the_noise():
    original = ColorDSpritesDataModule()
    module = UniformNoiseDataModule(original=original, epsilon=0.1, clip=False)
    module.setup()
    rows = torch.arange(64)
    draws = torch.arange(64) + 2**40
    plain = original.build()
    noisy = module.dataset
    noises = [noisy.batch(rows, d).image - plain.batch(rows, d).image for d in (rows, draws)]
    assert noisy.has_nuisance
    assert torch.allclose(*noises, atol=1e-6)
    colours = plain.batch(rows).image.flatten(2).amax(2).flatten()
    first = noises[0].flatten(1)[:, :3].flatten()
    assert abs(torch.corrcoef(torch.stack([colours, first]))[0, 1]) < 0.4  # 192 numbers


def test_vectors_are_not_clipped():
    module = UniformNoiseDataModule(original=SyntheticLinearDataModule(num_points=100), epsilon=0.5)
    module.setup()
    rows = torch.arange(100)
    change = module.dataset.batch(rows).image - module.original.build().batch(rows).image
    assert 0.45 < change.abs().max() < 0.5 + 1e-6
    assert module.image_shape == (3,)


def test_views_splits_and_labels_are_the_originals():
    options = {"batch_size": 8, "seed": 5, "view": Pairs()}
    original = TinySquaresDataModule(**options)
    module = UniformNoiseDataModule(original=TinySquaresDataModule(), **options)
    for each in (original, module):
        each.setup()
    assert torch.equal(original.rows["test"], module.rows["test"])
    plan = module.epoch_batches().plan(2)
    batch, plain = module.dataset.gather(plan), original.dataset.gather(plan)
    assert torch.equal(plan.rows, original.epoch_batches().plan(2).rows)
    assert torch.equal(batch.partners[0].factors, plain.partners[0].factors)
    assert torch.equal(batch.image, module.dataset.batch(plan.rows).image)


@pytest.mark.parametrize("epsilon", [0, -1, 1.5, float("nan")])
def test_epsilon_is_above_0_and_at_most_1(epsilon):
    with pytest.raises(ConfigError, match=r"epsilon=.*: give a number from 1e-06 to 1"):
        UniformNoiseDataModule(original=PanelsDataModule(), epsilon=epsilon)


def test_an_original_is_needed_and_says_what_it_needs():
    with pytest.raises(ConfigError, match=r"say data\.original=NAME"):
        UniformNoiseDataModule().setup()
    with pytest.raises(ConfigError, match="no folder was given"):
        UniformNoiseDataModule(original=ImageFolderDataModule()).setup()


def test_noise_on_noise_and_files_are_those_of_the_original():
    once = UniformNoise(Panels(), 0.1)
    twice = UniformNoise(once, 0.1, noise_seed=1)
    assert isinstance(twice, FactorDataset)
    assert (twice.batch(ROWS).image - Panels().batch(ROWS).image).abs().max() > 0.15
    assert twice.files_read() == []
    assert twice.source.count("uniform noise") == 2
