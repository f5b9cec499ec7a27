"""The simplified KL and how long it holds."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from vaescope.alignment import kl_diagonal, polarization_gap, polarized_share, simplified_kl


def posterior(seed, rows=6, dim=4):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    variance = torch.rand(rows, dim, generator=generator, dtype=torch.float64) + 0.01
    return mean, variance


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_kl_is_that_of_torch(seed):
    mean, variance = posterior(seed)
    expected = kl_divergence(Normal(mean, variance.sqrt()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_diagonal(mean, variance), expected)


def test_kl_of_the_prior_is_zero():
    assert kl_diagonal(torch.zeros(2, 3), torch.ones(2, 3)).abs().max() == 0


def test_simplified_kl_drops_variances_and_passive_latents():
    mean, variance = posterior(0)
    active = torch.tensor([True, False, True, False])
    expected = (kl_diagonal(mean, variance) - variance / 2)[:, active].sum(1)
    torch.testing.assert_close(simplified_kl(mean, variance, active), expected)


def test_gap_is_small_in_the_polarized_regime_only():
    mean = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    variance = torch.tensor([[1e-4, 1.0], [1e-4, 1.0]])
    active = torch.tensor([True, False])
    full = float(kl_diagonal(mean, variance).sum(1).mean())
    assert polarization_gap(mean, variance, active) == pytest.approx(0.5e-4 / full, rel=1e-6)
    assert polarization_gap(mean, 0.5 * torch.ones(2, 2), active) > 0.1


def test_gap_averages_before_it_divides():
    mean, variance = posterior(1)
    active = torch.tensor([True, True, False, True])
    full = kl_diagonal(mean, variance).sum(1).mean()
    simple = simplified_kl(mean, variance, active).mean()
    expected = ((full - simple).abs() / full).item()
    assert polarization_gap(mean, variance, active) == pytest.approx(expected)


@pytest.mark.parametrize("width", [1.0, 0.999, 0.5])
def test_gap_without_active_latents_is_one(width):
    nobody = torch.zeros(3, dtype=torch.bool)
    assert polarization_gap(torch.zeros(5, 3), torch.full((5, 3), width), nobody) == 1.0


@pytest.mark.parametrize(
    ("gaps", "share"),
    [
        ([0.01, 0.01, 0.01, 0.01], 0.9),  # unknown before the first measurement
        ([0.50, 0.01, 0.02, 0.01], 0.8),
        ([0.01, 0.01, 0.50, 0.01], 0.3),  # what came before a relapse does not count
        ([0.50, 0.50, 0.50, 0.01], 0.3),
        ([0.01, 0.01, 0.01, 0.03], 0.0),  # the threshold itself is above
        ([0.01, 0.01, 0.01, float("nan")], 0.0),
        ([0.01, float("nan"), 0.01, 0.01], 0.5),
    ],
)
def test_share_of_a_series_made_by_hand(gaps, share):
    steps = [100, 200, 500, 700]
    assert polarized_share(steps, gaps, 1000) == pytest.approx(share)
    series = torch.tensor(steps), torch.tensor(gaps, dtype=torch.float64)
    assert polarized_share(*series, 1000) == pytest.approx(share)


def test_share_is_whole_if_measured_from_the_first_step():
    assert polarized_share([0, 500], [0.0, 0.0], 1000) == 1.0
    assert polarized_share([0, 500], [0.1, 0.04], 1000, threshold=0.05) == 0.5


def test_share_without_measurements_is_zero():
    assert polarized_share([], [], 1000) == 0.0


@pytest.mark.parametrize(
    ("steps", "gaps", "total"),
    [([1, 1], [0, 0], 9), ([2, 1], [0, 0], 9), ([1], [0, 0], 9), ([10], [0], 9), ([], [], 0)],
)
def test_impossible_series_are_refused(steps, gaps, total):
    with pytest.raises(ValueError, match="must"):
        polarized_share(steps, gaps, total)


def test_log_variances_are_refused():
    with pytest.raises(ValueError, match="not their logarithm"):
        kl_diagonal(torch.zeros(1, 1), torch.tensor([[-3.0]]))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same non-empty"):
        kl_diagonal(torch.zeros(2, 3), torch.ones(3, 2))
    with pytest.raises(ValueError, match="active is"):
        simplified_kl(torch.zeros(2, 3), torch.ones(2, 3), torch.ones(3))
