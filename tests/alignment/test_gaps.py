"""The price of a diagonal posterior, against determinants, minimised losses and closed forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.alignment import (
    deterministic_surrogate,
    gram_deviation,
    hadamard_gap,
    ima_contrast,
    isometry_deviation,
    linear_vae_optimum,
)

seeds = st.integers(0, 10**6)
betas = st.sampled_from([1e-4, 0.1, 1.0, 30.0])


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def gram_of(jacobian):
    return jacobian.mT @ jacobian


def expected_loss(nll, mean, gram, covariance, beta):
    """E_q ||x - Dec(z)||^2 + beta KL of a linear decoder with gram = 2 W^T W, in closed form."""
    noise = 0.5 * (gram @ covariance).diagonal(dim1=1, dim2=2).sum(1)
    trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
    kl = 0.5 * (mean.square().sum(1) + trace - mean.shape[1] - torch.logdet(covariance))
    return nll + noise + beta * kl


@settings(deadline=None, max_examples=40)
@given(seed=seeds, dim=st.integers(1, 6), beta=betas)
def test_gap_is_the_difference_of_log_determinants(seed, dim, beta):
    gram = gram_of(normal(seed, 4, 9, dim))
    identity = torch.eye(dim).double()
    diagonal = (1 + gram.diagonal(dim1=1, dim2=2) / beta).log().sum(1)
    expected = beta / 2 * (diagonal - torch.logdet(identity + gram / beta))
    found = hadamard_gap(gram, beta)
    torch.testing.assert_close(found, expected, atol=1e-10 * max(beta, 1), rtol=1e-8)
    assert (found >= 0).all()


@settings(deadline=None, max_examples=20)
@given(seed=seeds, dim=st.integers(2, 5))
def test_gap_of_a_small_beta_is_the_ima_contrast(seed, dim):
    gram = gram_of(normal(seed, 4, 20, dim))
    found = hadamard_gap(gram, 1e-9) / 1e-9
    torch.testing.assert_close(found, ima_contrast(gram), atol=1e-8, rtol=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, beta=betas)
def test_gap_ignores_order_signs_and_ignored_latents(seed, beta):
    jacobian = normal(seed, 3, 8, 3)
    padded = torch.cat([jacobian, torch.zeros(3, 8, 2).double()], 2)
    changed = padded[:, :, [4, 1, 0, 3, 2]] * torch.tensor([1, -1, -1, 1, 1])
    torch.testing.assert_close(
        hadamard_gap(gram_of(changed), beta), hadamard_gap(gram_of(jacobian), beta)
    )


def test_gap_of_orthogonal_or_repeated_columns():
    columns = torch.linalg.qr(normal(0, 5, 7, 4)).Q * torch.tensor([1.0, 100.0, 0.0, 3.0])
    assert hadamard_gap(gram_of(columns), 0.5).max() < 1e-12
    # Two equal columns of square 3: det(I + G / beta) = 1 + 2 * 3 / beta.
    expected = torch.tensor(16.0 / 7.0).double().log()
    found = hadamard_gap(torch.full((1, 2, 2), 3.0), 1.0)
    torch.testing.assert_close(found, expected[None] / 2)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, dim=st.integers(1, 5), beta=betas, diagonal=st.booleans())
def test_surrogate_is_the_exact_loss_of_a_linear_decoder(seed, dim, beta, diagonal):
    weight, offset, images, mean = (
        normal(seed, 7, dim),
        normal(seed + 1, 7),
        normal(seed + 2, 5, 7),
        normal(seed + 3, 5, dim),
    )
    nll = (images - mean @ weight.T - offset).square().sum(1)
    gram = (2 * weight.T @ weight).expand(5, dim, dim)
    precision = torch.eye(dim).double() + gram / beta
    if diagonal:
        precision = torch.diag_embed(precision.diagonal(dim1=1, dim2=2))
    best = torch.linalg.inv(precision)
    found = deterministic_surrogate(nll, mean, gram, beta, diagonal=diagonal)
    torch.testing.assert_close(found, expected_loss(nll, mean, gram, best, beta), rtol=1e-7, atol=0)
    change = 0.2 * normal(seed + 4, 5, dim, dim)
    if diagonal:
        change = torch.diag_embed(change[:, 0])
    root = torch.linalg.cholesky(best) @ (torch.eye(dim).double() + change)
    worse = expected_loss(nll, mean, gram, root @ root.mT + 1e-9 * best, beta)
    assert (worse >= found - 1e-7 * found.abs()).all()


def test_closed_form_of_the_expected_loss_is_what_sampling_gives():
    weight, mean, image = normal(0, 6, 2), normal(1, 1, 2), normal(2, 6)
    gram, beta = 2 * gram_of(weight[None]), 0.7
    precision = torch.eye(2).double() + gram / beta
    root = torch.linalg.cholesky(torch.linalg.inv(precision))[0]
    codes = mean + normal(3, 200_000, 2) @ root.T
    reconstruction = (image - codes @ weight.T).square().sum(1).mean()
    posterior = torch.distributions.MultivariateNormal(mean[0], scale_tril=root)
    prior = torch.distributions.MultivariateNormal(
        torch.zeros(2).double(), torch.eye(2, dtype=torch.float64)
    )
    sampled = reconstruction + beta * torch.distributions.kl_divergence(posterior, prior)
    nll = (image - mean @ weight.T).square().sum(1)
    found = deterministic_surrogate(nll, mean, gram, beta, diagonal=False)
    assert found.item() == pytest.approx(sampled.item(), rel=1e-2)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, beta=betas)
def test_surrogates_differ_by_the_gap(seed, beta):
    nll, mean, gram = normal(seed, 4), normal(seed, 4, 3), gram_of(normal(seed, 4, 2, 3))
    one, two = (
        deterministic_surrogate(nll, mean, gram, beta, diagonal=choice) for choice in (True, False)
    )
    torch.testing.assert_close(one - two, hadamard_gap(gram, beta), atol=1e-10, rtol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, dim=st.integers(2, 6))
def test_deviation_is_the_mean_of_pairwise_cosines(seed, dim):
    jacobian = normal(seed, 3, 5, dim)
    cosines = [
        torch.cosine_similarity(jacobian[:, :, i], jacobian[:, :, j], dim=1).square()
        for i in range(dim)
        for j in range(i)
    ]
    expected = torch.stack(cosines).mean(0).sqrt()
    found = gram_deviation(gram_of(jacobian))
    torch.testing.assert_close(found, expected)
    scales = torch.tensor([1e-9, -1.0, 3.0, 1e6, 0.1, 7.0])[:dim]
    torch.testing.assert_close(gram_deviation(gram_of(jacobian * scales)), expected)


def test_deviation_at_its_ends():
    columns = torch.linalg.qr(normal(0, 5, 7, 4)).Q * torch.tensor([1.0, 100.0, 0.0, 3.0])
    assert gram_deviation(gram_of(columns)).max() < 1e-12
    assert gram_deviation(torch.full((2, 3, 3), 4.0)).tolist() == [1, 1]
    half = torch.full((1, 3, 3), 4.0)
    half[:, 2] = half[:, :, 2] = 0  # one pair of three is parallel
    assert gram_deviation(half).item() == pytest.approx((1 / 3) ** 0.5)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, dim=st.integers(1, 5), beta=betas)
def test_isometry_is_the_explicit_product(seed, dim, beta):
    gram, variance = gram_of(normal(seed, 4, 9, dim)), normal(seed + 1, 4, dim).exp()
    sigma = torch.diag_embed(variance.sqrt())
    expected = sigma @ gram @ sigma / beta - torch.eye(dim).double()
    torch.testing.assert_close(
        isometry_deviation(gram, variance, beta),
        expected.square().sum((1, 2)).div(dim).sqrt(),
    )


def test_scaling_by_the_columns_gives_an_isometry():
    columns = torch.linalg.qr(normal(0, 5, 7, 3)).Q * torch.tensor([1.0, 100.0, 3.0])
    gram = 2 * gram_of(columns)
    variance = 0.1 / gram.diagonal(dim1=1, dim2=2)
    assert isometry_deviation(gram, variance, 0.1).max() < 1e-12
    assert isometry_deviation(gram, 3 * variance, 0.1).min() == pytest.approx(2)


def test_isometry_of_the_linear_optimum_is_off_by_the_variances():
    optimum = linear_vae_optimum(torch.diag(torch.tensor([5.0, 2.0, 1.0])), 0.2, 3)
    gram = 2 * gram_of(optimum.decoder[None])
    expected = optimum.posterior_variance.square().mean().sqrt()
    found = isometry_deviation(gram, optimum.posterior_variance[None], 0.2)
    torch.testing.assert_close(found, expected[None])


def test_arguments_that_cannot_be_right_are_refused():
    gram, ones = torch.eye(2)[None], torch.ones(1, 2)
    for beta in (0, -1.0, torch.nan, torch.inf):
        with pytest.raises(ValueError, match=f"beta = {beta}"):
            hadamard_gap(gram, beta)
        with pytest.raises(ValueError, match=f"beta = {beta}"):
            deterministic_surrogate(ones[:, 0], ones, gram, beta, diagonal=True)
        with pytest.raises(ValueError, match=f"beta = {beta}"):
            isometry_deviation(gram, ones, beta)
    with pytest.raises(ValueError, match=r"\[N, D, D\]"):
        hadamard_gap(torch.eye(3), 1)
    with pytest.raises(ValueError, match="NaN"):
        gram_deviation(torch.full((1, 2, 2), torch.nan))
    with pytest.raises(ValueError, match="at least 2"):
        gram_deviation(torch.ones(3, 1, 1))
    with pytest.raises(ValueError, match=r"nll \(2,\)"):
        deterministic_surrogate(torch.ones(2), ones, gram, 1, diagonal=False)
    with pytest.raises(ValueError, match=r"variance \(2,\)"):
        isometry_deviation(gram, ones[0], 1)
    with pytest.raises(ValueError, match="positive and finite"):
        isometry_deviation(gram, -ones, 1)
