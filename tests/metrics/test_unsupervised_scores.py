"""Scores without factors: correlation, support, separability, traversals."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from vaescope.metrics.information.information_matrix import pairwise_information
from vaescope.metrics.unsupervised.independence import (
    factorised_support,
    gaussian_wasserstein_correlation,
    support_distances,
)
from vaescope.metrics.unsupervised.sepin import separability
from vaescope.metrics.unsupervised.traversals import traversal_monotonicity, traversal_smoothness


def draws(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def with_covariance(covariance, rows=50):
    """Codes whose sample covariance is exactly the given one."""
    white = draws(rows, len(covariance))
    white = white - white.mean(0)
    root = torch.linalg.cholesky(white.mT @ white / (rows - 1))
    return (
        torch.linalg.solve_triangular(root, white.mT, upper=False).mT
        @ torch.linalg.cholesky(covariance).mT
        + 3
    )


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.3, 0.99])
def test_wasserstein_correlation_of_two_unit_latents(correlation):
    covariance = torch.tensor([[1, correlation], [correlation, 1]], dtype=torch.float64)
    found = gaussian_wasserstein_correlation(with_covariance(covariance))
    expected = 4 - 2 * (math.sqrt(1 + correlation) + math.sqrt(1 - correlation))
    assert found == pytest.approx(expected, abs=1e-12)
    normalised = gaussian_wasserstein_correlation(with_covariance(covariance), normalised=True)
    assert normalised == pytest.approx(expected / 2, abs=1e-12)


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_wasserstein_correlation_of_copies_is_the_largest(copies):
    codes = draws(100, 1).repeat(1, copies)
    found = gaussian_wasserstein_correlation(codes, normalised=True)
    assert found == pytest.approx(2 - 2 / math.sqrt(copies), abs=1e-7)


def test_wasserstein_correlation_leaves_constants_out():
    codes = draws(100, 3) @ draws(3, 3, seed=1)
    constants = torch.full((100, 2), 0.1, dtype=torch.float64)
    with_constants = torch.cat([constants, codes], 1)
    for normalised in (False, True):
        assert gaussian_wasserstein_correlation(
            with_constants, normalised=normalised
        ) == pytest.approx(gaussian_wasserstein_correlation(codes, normalised=normalised))
        assert gaussian_wasserstein_correlation(constants, normalised=normalised) == 0
        assert gaussian_wasserstein_correlation(codes[:, :1], normalised=normalised) < 1e-12


def test_wasserstein_correlation_by_chance():
    found = [gaussian_wasserstein_correlation(draws(500, 6, seed=seed)) for seed in range(200)]
    assert np.mean(found) == pytest.approx(6 * 5 / (4 * 500), rel=0.05)
    codes = draws(500, 6)
    found = gaussian_wasserstein_correlation(codes)
    assert gaussian_wasserstein_correlation(3 * codes) == pytest.approx(9 * found)


def test_mutual_information_of_latents_is_that_of_pairs():
    labels = torch.randint(4, (5_000, 1), generator=torch.Generator().manual_seed(0)).double()
    copies = labels.repeat(1, 2)
    assert pairwise_information(copies) == pytest.approx(math.log(4), abs=1e-3)
    third = torch.cat([copies, draws(5_000, 1)], 1)
    assert pairwise_information(third) == pytest.approx(math.log(4) / 3, abs=0.01)
    assert pairwise_information(labels) == 0
    assert 0 < pairwise_information(draws(5_000, 4)) < 19**2 / 10_000


@pytest.mark.parametrize("score", [gaussian_wasserstein_correlation, factorised_support])
def test_codes_that_cannot_be_scored_are_refused(score):
    with pytest.raises(ValueError, match=r"\[N, D\]"):
        score(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="NaN or infinite"):
        score(torch.full((4, 2), float("inf")))


def test_support_distances_against_scipy():
    from scipy.spatial.distance import directed_hausdorff

    codes = draws(30, 3)
    found = support_distances(codes, batch=30, batches=2)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        product = torch.cartesian_prod(codes[:, i], codes[:, j]).numpy()
        expected = directed_hausdorff(product, codes[:, [i, j]].numpy())[0]
        assert found[i, j] == found[j, i] == pytest.approx(expected)
    assert not found.diagonal().any()
    assert factorised_support(codes, batch=30) == pytest.approx(float(found.sum()) / 6)


def test_a_grid_has_a_factorised_support_even_if_correlated():
    grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).double()
    assert factorised_support(grid, batch=20) == 0
    more_often = torch.cat([grid, grid[[0, 6, 12, 18]].repeat(9, 1)])
    assert factorised_support(more_often, batch=56) == 0
    assert factorised_support(grid[1:], batch=20) == 1


def test_dependence_and_scale_raise_the_distance_from_a_factorised_support():
    first, second = draws(500, 2).T
    found = [
        factorised_support(torch.stack([first, share * first + (1 - share) * second], 1))
        for share in (0, 0.7, 1)
    ]
    assert found == sorted(found)
    assert found[2] > 1.5 * found[0]
    codes = draws(500, 3)
    assert factorised_support(5 * codes) == pytest.approx(5 * factorised_support(codes))
    standardised = factorised_support(codes, standardise=True)
    assert factorised_support(5 * codes, standardise=True) == pytest.approx(standardised)
    assert factorised_support(torch.ones(20, 3), standardise=True) == 0
    assert factorised_support(codes[:, :1]) == 0
    with pytest.raises(ValueError, match="batch = 1"):
        factorised_support(codes, batch=1)


def informed(*columns, std=0.1):
    """Separability of images at the given places, far apart in units of the noise."""
    mean = torch.stack([torch.tensor(column, dtype=torch.float64) for column in columns], 1)
    return separability(10 * mean, torch.full_like(mean, std**2), samples=400)


def test_latents_that_split_images_between_them_are_separable():
    found = informed([0, 0, 1, 1], [0, 1, 0, 1])
    assert found.total == pytest.approx(math.log(4))
    both = torch.full((2,), math.log(2), dtype=torch.float64)
    torch.testing.assert_close(found.informativeness, both)
    torch.testing.assert_close(found.separability, both)
    assert found.weighted == pytest.approx(math.log(2))


def test_copies_are_informative_but_not_separable():
    found = informed([0, 0, 1, 1], [0, 0, 1, 1])
    assert found.total == pytest.approx(math.log(2))
    torch.testing.assert_close(found.informativeness, torch.full((2,), math.log(2)).double())
    torch.testing.assert_close(found.separability, torch.zeros(2).double(), atol=1e-9, rtol=0)
    assert found.weighted == pytest.approx(0, abs=1e-9)


def test_a_latent_that_only_the_others_explain_counts_by_what_it_adds():
    # The last latent is the exclusive or of the others: nothing is lost without any one of them.
    found = informed([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0])
    torch.testing.assert_close(found.informativeness, torch.full((3,), math.log(2)).double())
    torch.testing.assert_close(found.separability, torch.zeros(3).double(), atol=1e-9, rtol=0)


def test_dead_latents_have_no_information():
    found = informed([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0])
    assert found.informativeness[2] == pytest.approx(0, abs=1e-9)
    assert found.separability[2] == pytest.approx(0, abs=1e-9)
    assert found.weighted == pytest.approx(math.log(2))
    mean = torch.zeros(10, 3)
    assert separability(mean, torch.ones(10, 3)).weighted == 0


def test_gaussian_latents_have_the_information_of_a_gaussian_channel():
    mean, variance = draws(2_000, 2), torch.tensor([1.0, 4.0]).expand(2_000, 2)
    found = separability(mean, variance, samples=1_000)
    expected = 0.5 * torch.tensor([1 + 1.0, 1 + 0.25]).double().log()
    torch.testing.assert_close(found.informativeness, expected, atol=0.05, rtol=0)
    torch.testing.assert_close(found.separability, expected, atol=0.05, rtol=0)
    shared = separability(mean[:, :1].repeat(1, 2), torch.ones(2_000, 2), samples=1_000)
    only = 0.5 * math.log((1 + 2) / (1 + 1))
    torch.testing.assert_close(
        shared.separability, torch.full((2,), only).double(), atol=0.05, rtol=0
    )


def test_information_against_quadrature():
    mean = torch.tensor([[-1.0], [0.5], [2.0]], dtype=torch.float64)
    variance = torch.tensor([[0.5], [1.0], [0.2]], dtype=torch.float64)
    places = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    scaled = (places - mean).square() / variance
    density = (-0.5 * scaled).exp() / (2 * math.pi * variance).sqrt()
    mixture = density.mean(0)
    expected = torch.trapezoid(torch.xlogy(density, density / mixture), places).mean()
    found = separability(mean, variance, samples=60_000)
    assert found.total == pytest.approx(float(expected), abs=0.01)
    assert found.separability[0] == pytest.approx(found.total)


@pytest.mark.parametrize(
    ("mean", "variance", "samples", "message"),
    [
        (torch.zeros(4, 2), torch.ones(4, 3), 10, "same non-empty"),
        (torch.full((4, 2), float("nan")), torch.ones(4, 2), 10, "NaN"),
        (torch.zeros(4, 2), torch.zeros(4, 2), 10, "above 0"),
        (torch.zeros(4, 2), torch.ones(4, 2), 0, "samples = 0"),
    ],
)
def test_posteriors_without_densities_are_refused(mean, variance, samples, message):
    with pytest.raises(ValueError, match=message):
        separability(mean, variance, samples=samples)


def test_smoothness_of_known_curves():
    steps = torch.arange(11, dtype=torch.float64)
    curves = torch.stack([2 * steps + 1, torch.zeros(11), (steps > 4).double(), steps**2])
    # A parabola: nine equal second differences of 2, slopes from 1 to 19.
    expected = torch.tensor([1, 1, 0, 1 - 2 / 18], dtype=torch.float64)
    torch.testing.assert_close(traversal_smoothness(curves), expected)
    bent = torch.tensor([0.0, 1, 3, 4])  # slopes 1, 2, 1
    assert traversal_smoothness(bent) == 0
    uneven = torch.tensor([0.0, 1, 3, 8])  # slopes 1, 2, 5; bends 1, 3
    assert traversal_smoothness(uneven) == pytest.approx(1 - (10 / 4) / 4)


def test_smoothness_is_of_the_shape_alone():
    curves = draws(5, 3, 9)
    found = traversal_smoothness(curves)
    assert found.shape == (5, 3)
    assert bool(((found >= 0) & (found <= 1)).all())
    torch.testing.assert_close(traversal_smoothness(-1e200 * curves + 3), found)
    torch.testing.assert_close(traversal_smoothness(1e-200 * curves), found)
    torch.testing.assert_close(traversal_smoothness(curves.flip(-1)), found)


def test_more_jitter_is_less_smooth():
    steps = torch.linspace(0, 1, 21, dtype=torch.float64)
    found = [
        float(traversal_smoothness(steps**3 + size * draws(200, 21)).mean())
        for size in (0, 0.003, 0.03, 1)
    ]
    assert all(after < before for before, after in pairwise(found))


def test_monotonicity_counts_steps_above_the_threshold():
    curve = torch.tensor([0.0, 1, 2, 1.5, 1.5005, 4])
    assert traversal_monotonicity(curve) == pytest.approx((3 - 1) / 4)
    assert traversal_monotonicity(curve, threshold=0) == pytest.approx((4 - 1) / 5)
    assert traversal_monotonicity(curve, spacing=0.1) == pytest.approx((4 - 1) / 5)
    assert traversal_monotonicity(5 - curve) == pytest.approx(-(3 - 1) / 4)
    assert traversal_monotonicity(torch.zeros(2, 4)).tolist() == [0, 0]


def test_monotonicity_by_chance():
    found = traversal_monotonicity(draws(20_000, 11))
    assert float(found.mean()) == pytest.approx(0, abs=0.01)
    assert float(found.std()) == pytest.approx(math.sqrt(12 / 3) / 10, rel=0.02)


@pytest.mark.parametrize(("places", "expected"), [(5, 0.25), (11, 0.38), (21, 0.45)])
def test_smoothness_by_chance(places, expected):
    found = traversal_smoothness(draws(10_000, places))
    assert float(found.mean()) == pytest.approx(expected, abs=0.01)


def test_traversals_that_are_too_short_or_broken_are_refused():
    for score, least in ((traversal_smoothness, 3), (traversal_monotonicity, 2)):
        with pytest.raises(ValueError, match=f"at least {least}"):
            score(torch.zeros(4, least - 1))
        with pytest.raises(ValueError, match="NaN or infinite"):
            score(torch.tensor([0.0, float("nan"), 1]))
    with pytest.raises(ValueError, match="spacing = 0"):
        traversal_monotonicity(torch.zeros(3), spacing=0)
