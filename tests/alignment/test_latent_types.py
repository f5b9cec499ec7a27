"""Passive, mixed and active latents, and what they do to mean and sampled codes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import differential_entropy, multivariate_normal, norm

from vaescope.alignment import (
    LatentType,
    gaussian_total_correlation,
    latent_entropies,
    latent_types,
    sampled_total_correlation,
)

GAUSSIAN = 0.5 * math.log(2 * math.pi * math.e)

seeds = st.integers(0, 10**6)


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def white(seed, rows, dim):
    """Codes whose sample covariance is the identity exactly."""
    codes = normal(seed, rows, dim)
    return torch.linalg.qr(codes - codes.mean(0)).Q * rows**0.5


def with_covariance(covariance, rows=200):
    return white(0, rows, len(covariance)) @ torch.linalg.cholesky(covariance).mT


def test_types_of_latents_made_by_hand():
    rows = 100
    mean, variance = 0.1 * white(0, rows, 6), torch.full((rows, 6), 1.0).double()
    mean[:, 1] *= 10
    variance[:, 1] = 0.01  # informative everywhere
    mean[:50, 2] *= 10
    variance[:50, 2] = 0.01  # for half of the images
    variance[:5, 3] = 0.01  # for 5 %: within the share
    variance[:6, 4] = 0.01  # for 6 %
    variance[5:, 5] = 0.01  # for 95 %
    found = latent_types(mean, variance)
    p, m, a = LatentType.PASSIVE, LatentType.MIXED, LatentType.ACTIVE
    assert [LatentType(int(value)) for value in found] == [p, a, m, p, m, a]
    assert latent_types(mean, variance, share=1.0).tolist() == [p, a, m, m, m, m]
    assert latent_types(mean, variance, variance_threshold=1.0).tolist() == [a] * 6


def test_the_variance_threshold_itself_is_on():
    variance = torch.tensor([[0.79, 0.8, 0.81]], dtype=torch.float64).expand(4, 3)
    assert latent_types(torch.zeros(4, 3), variance).tolist() == [2, 2, 0]


def test_a_passive_latents_mean_must_not_vary():
    mean = white(0, 50, 3) * torch.tensor([0.1, 0.44, 0.46])
    assert latent_types(mean, torch.ones(50, 3)).tolist() == [0, 0, 1]
    assert latent_types(mean, torch.ones(50, 3), mean_threshold=0.5).tolist() == [0, 0, 0]


def test_an_autoencoder_has_active_latents_only():
    assert latent_types(normal(0, 9, 2), torch.zeros(9, 2)).tolist() == [2, 2]


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_types_follow_their_latents_whatever_the_images_order(seed):
    generator = torch.Generator().manual_seed(seed)
    variance = torch.rand(40, 5, generator=generator) ** torch.tensor([0.1, 0.01, 1.0, 5.0, 9.0])
    mean = 0.3 * normal(seed, 40, 5)
    columns, rows = (torch.randperm(n, generator=generator) for n in (5, 40))
    expected = latent_types(mean, variance)[columns]
    found = latent_types(mean[rows][:, columns], variance[rows][:, columns])
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("r", [0.0, 0.3, -0.9, 0.9999])
def test_total_correlation_of_two_is_the_closed_form(r):
    codes = with_covariance(torch.tensor([[1.0, r], [r, 1.0]], dtype=torch.float64))
    expected = -0.5 * math.log(1 - r * r)
    assert gaussian_total_correlation(codes) == pytest.approx(expected, abs=1e-10)


def test_total_correlation_is_the_gap_of_scipys_entropies():
    root = normal(1, 4, 4)
    covariance = root @ root.mT
    singles = sum(norm(scale=math.sqrt(v)).entropy() for v in covariance.diagonal())
    expected = singles - multivariate_normal(cov=covariance.numpy()).entropy()
    found = gaussian_total_correlation(with_covariance(covariance))
    assert found == pytest.approx(float(expected))


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_total_correlation_ignores_order_sign_scale_and_shift(seed):
    codes = normal(seed, 60, 4) @ normal(seed + 1, 4, 4)
    expected = gaussian_total_correlation(codes)
    assert expected >= 0
    units = torch.tensor([-1e-170, 1.0, 1e150, 1e-3], dtype=torch.float64)
    scaled = codes[:, [3, 1, 0, 2]] * units
    assert gaussian_total_correlation(scaled) == pytest.approx(expected)
    assert gaussian_total_correlation(codes + 5) == pytest.approx(expected)


def test_constant_latents_are_left_out():
    codes = normal(0, 50, 3) @ normal(1, 3, 3)
    more = torch.cat([codes, torch.full((50, 2), 0.1)], 1)
    assert gaussian_total_correlation(more) == pytest.approx(gaussian_total_correlation(codes))
    assert gaussian_total_correlation(torch.full((50, 2), 0.1)) == 0
    assert gaussian_total_correlation(codes[:, :1]) == 0


@pytest.mark.parametrize("seed", range(10))
def test_dependent_latents_are_infinitely_correlated(seed):
    codes = normal(seed, 300, 3) * torch.tensor([1.0, 1e-3, 1e3]) + 10
    for extra in (codes[:, :1], -3 * codes[:, :1] + 1, codes.sum(1, keepdim=True)):
        assert gaussian_total_correlation(torch.cat([codes, extra], 1)) == math.inf
    assert gaussian_total_correlation(codes[:3]) == math.inf
    assert math.isfinite(gaussian_total_correlation(codes))


def test_sampled_total_correlation_is_that_of_many_samples():
    mean = normal(0, 500, 3) @ normal(1, 3, 3)
    variance = 2 * torch.rand(500, 3, generator=torch.Generator().manual_seed(0)).double()
    noise = normal(2, 400, 500, 3)
    samples = (mean + variance.sqrt() * noise).flatten(0, 1)
    expected = gaussian_total_correlation(samples)
    assert sampled_total_correlation(mean, variance) == pytest.approx(expected, rel=0.01)


def test_sampled_without_variance_is_that_of_the_means():
    mean = normal(0, 50, 3) @ normal(1, 3, 3)
    expected = gaussian_total_correlation(mean)
    assert sampled_total_correlation(mean, torch.zeros(50, 3)) == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_noise_never_correlates(seed):
    mean = normal(seed, 30, 4) @ normal(seed + 1, 4, 4)
    variance = normal(seed + 2, 30, 4).square()
    found = sampled_total_correlation(mean, variance)
    assert 0 <= found <= gaussian_total_correlation(mean) + 1e-12
    assert sampled_total_correlation(mean, 2 * variance) <= found + 1e-12


def test_passive_latents_are_correlated_in_the_mean_only():
    rows = 1000
    active = white(0, rows, 4)
    blend = torch.tensor([[1.0, 0.95], [0.95, 1.0]], dtype=torch.float64)
    # Two passive latents of variance 0.02 that go together beside two independent active ones.
    passive = 0.02**0.5 * active[:, 2:] @ torch.linalg.cholesky(blend).mT
    mean = torch.cat([active[:, :2], passive], 1)
    variance = torch.tensor([0.02, 0.02, 0.98, 0.98]).expand(rows, 4)
    types = latent_types(mean, variance)
    assert types.tolist() == [2, 2, 0, 0]
    expected = -0.5 * math.log(1 - 0.95**2)
    assert gaussian_total_correlation(mean) == pytest.approx(expected)
    left = -0.5 * math.log(1 - 0.019**2)
    assert sampled_total_correlation(mean, variance) == pytest.approx(left, abs=1e-9)
    assert left < 1e-3 < 1 < expected
    kept = types == LatentType.ACTIVE
    assert gaussian_total_correlation(mean[:, kept]) == pytest.approx(0, abs=1e-9)


def test_entropies_are_the_closed_forms():
    generator = torch.Generator().manual_seed(0)
    uniform = 3 * torch.rand(20_000, generator=generator, dtype=torch.float64)
    gaussian = normal(1, 20_000)
    laplace = torch.distributions.Laplace(0.0, 0.5).icdf(uniform / 3)
    found = latent_entropies(torch.stack([uniform, gaussian, 0.1 * gaussian, laplace], 1))
    expected = [math.log(3), GAUSSIAN, GAUSSIAN + math.log(0.1), 1.0]
    assert found.tolist() == pytest.approx(expected, abs=0.02)


def test_uniform_latents_have_no_bias_even_with_few_samples():
    generator = torch.Generator().manual_seed(0)
    codes = torch.rand(8, 40_000, generator=generator, dtype=torch.float64)
    for spacing in (1, 2, 5):
        found = latent_entropies(codes, spacing=spacing)
        assert found.mean().item() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("spacing", [1, 4, 30])
def test_entropies_are_those_of_scipy(spacing):
    codes = normal(0, 90, 3)
    expected = differential_entropy(codes.numpy(), window_length=spacing, method="van es")
    assert latent_entropies(codes, spacing=spacing).tolist() == pytest.approx(list(expected))


@settings(deadline=None, max_examples=20)
@given(seed=seeds, scale=st.sampled_from([1e-9, -0.3, 7.0, 1e9]))
def test_entropy_grows_by_the_logarithm_of_the_scale(seed, scale):
    codes = normal(seed, 50, 2)
    expected = latent_entropies(codes) + math.log(abs(scale))
    torch.testing.assert_close(latent_entropies(scale * codes), expected)
    torch.testing.assert_close(latent_entropies(codes.flip(0) + 1), latent_entropies(codes))


def test_atoms_have_no_density_and_a_few_ties_are_borne():
    codes = normal(0, 1000, 3)
    codes[:, 0] = 0.1
    codes[:11, 1] = 0.5  # one more than the spacing
    codes[:, 2] = codes[:, 2].repeat_interleave(2)[:1000]
    found = latent_entropies(codes)
    assert found[:2].tolist() == [-math.inf, -math.inf]
    assert found[2].item() == pytest.approx(GAUSSIAN, abs=0.2)
    codes[:11, 1] = normal(1, 11)
    assert latent_entropies(codes)[1].isfinite()


def test_two_samples_are_enough_for_a_number():
    assert latent_entropies(torch.tensor([[0.0], [1.0]])).tolist() == pytest.approx([1.5])


def test_codes_that_cannot_be_measured_are_refused():
    for measure in (gaussian_total_correlation, latent_entropies):
        with pytest.raises(ValueError, match="at least 2 rows"):
            measure(torch.zeros(1, 3))
        with pytest.raises(ValueError, match=r"\[N, D\]"):
            measure(torch.zeros(4))
        with pytest.raises(ValueError, match="NaN or infinite"):
            measure(torch.full((4, 2), torch.nan))


def test_moments_that_do_not_fit_are_refused():
    for measure in (latent_types, sampled_total_correlation):
        with pytest.raises(ValueError, match="same non-empty"):
            measure(torch.zeros(4, 2), torch.ones(4, 3))
        with pytest.raises(ValueError, match="NaN or infinite"):
            measure(torch.zeros(4, 2), torch.full((4, 2), torch.nan))
        with pytest.raises(ValueError, match="not their logarithm"):
            measure(torch.zeros(4, 2), torch.full((4, 2), -0.1))


def test_settings_out_of_range_are_refused():
    for share in (0.5, 1.1):
        with pytest.raises(ValueError, match="share"):
            latent_types(torch.zeros(4, 2), torch.ones(4, 2), share=share)
    for spacing in (0, 4):
        with pytest.raises(ValueError, match="spacing"):
            latent_entropies(torch.zeros(4, 2), spacing=spacing)
