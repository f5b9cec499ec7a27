"""Principal components of images against closed forms."""

import math

import pytest
import torch

from vaescope.data import Digits, Factors, Panels, SyntheticLinear
from vaescope.data.sets.own.datamodule import OwnVectors
from vaescope.diagnosis import principal_components, spectra_of
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.errors import ConfigError


def gaussian(deviations, num=4000):
    points = torch.randn(num, len(deviations)) * torch.tensor(deviations)
    nothing = torch.zeros(num, 0, dtype=torch.int64)
    return OwnVectors(points, Factors((), (), ()), "a test", nothing)


def test_components_of_linear_images_are_the_factors_with_their_variances():
    """Variances ratio^2 / 12 and 1 / 12: a linear VAE prunes from beta = 2 variances on."""
    found = principal_components(SyntheticLinear(num_points=5000), 2.0, [0, 1])
    assert found.pruning_betas[:2] == pytest.approx([4 / 6, 1 / 6], rel=0.06)
    assert found.shares[:2] == pytest.approx([0.8, 0.2], abs=0.02)
    assert sum(found.shares) == pytest.approx(1)
    assert found.factors_in_components > 0.97
    mixing = SyntheticLinear(num_points=10).mixing
    cosines = 2**0.5 * (found.axes[:2] @ (mixing / mixing.norm(dim=0))).abs()
    assert torch.allclose(cosines, torch.eye(2), atol=0.05)


def test_components_of_turned_panels_are_explained_by_both_factors():
    found = principal_components(Panels(turn=45), 2.0, [0, 1])
    assert found.factor_shares[0] == pytest.approx([0.5, 0.5], abs=0.06)
    assert found.factors_in_components == pytest.approx(0.5, abs=0.06)


def test_metric_of_the_likelihood_is_that_of_the_mean_image():
    """Panels are 1/2 on average, where a coin's loss has a curvature of 4, twice a square's."""
    square, coin = (
        principal_components(Panels(), weight).pruning_betas[:2]
        for weight in (2.0, Bernoulli().mean_curvature)
    )
    assert coin == pytest.approx([2 * value for value in square], rel=0.01)


def test_spectra_and_dimension_of_a_gaussian_plane():
    found = spectra_of(gaussian([2.0, 1.0, 0.0, 0.0]), 2.0)
    assert found.components.shares[:2] == pytest.approx([0.8, 0.2], abs=0.02)
    assert found.components.pruning_betas[:2] == pytest.approx([8, 2], rel=0.1)
    assert sum(found.local_shares[2:]) == pytest.approx(0, abs=1e-6)
    assert found.local_shares[0] < 0.75  # a ball: nearly equal, whatever the spread of all is
    assert found.two_nn_dimension == pytest.approx(2, abs=0.2)
    assert found.mle_dimension == pytest.approx(2, abs=0.2)
    assert found.components.factor_shares == []
    assert found.components.factors_in_components is None


def test_digits_have_no_factors_but_spectra():
    found = spectra_of(Digits(), 2.0, num_points=50)
    assert found.components.shares[0] == pytest.approx(0.149, abs=0.01)  # scikit-learn's PCA: 0.149
    assert found.components.axes.shape == (20, 1, 8, 8)
    assert math.isclose(sum(found.local_shares), 1, abs_tol=0.1)


def test_a_handful_of_images_is_refused():
    with pytest.raises(ConfigError, match="63 images were given"):
        spectra_of(gaussian([1.0], num=63), 2.0)


def test_equal_images_have_no_components():
    found = spectra_of(gaussian([0.0, 0.0], num=100), 2.0)
    assert found.components.shares == [0, 0]
    assert found.two_nn_dimension == 0
