"""The posterior families against torch.distributions, closed forms and the symmetry argument."""

import math

import pytest
import torch
from torch.distributions import Laplace, MultivariateNormal, Normal, Uniform, kl_divergence

from vaescope.distributions.posteriors import (
    Box,
    DiagonalGaussian,
    DiagonalLaplace,
    FullGaussian,
    GaussianPosterior,
    NoisyPosterior,
    Point,
    Posterior,
)

FAMILIES = Posterior.__args__
GAUSSIANS = GaussianPosterior.__args__
NOISY = NoisyPosterior.__args__
SHAPES = [(), (5,), (2, 3), (2, 1, 4)]


def drawn(family, shape=(7,), dim=4, seed=0, scale=1.0):
    """Posterior of random parameters in double precision."""
    generator = torch.Generator().manual_seed(seed)
    size = (*shape, family.num_parameters(dim))
    parameters = scale * torch.randn(size, generator=generator, dtype=torch.float64)
    return family.from_parameters(parameters, dim)


def reference(q):
    """The same distribution as an object of torch.distributions with one batch of vectors."""
    if isinstance(q, FullGaussian):
        return MultivariateNormal(q.mean, scale_tril=q.cholesky)
    return MultivariateNormal(q.mean, torch.diag_embed(q.log_variance.exp()))


def prior(dim):
    return MultivariateNormal(torch.zeros(dim).double(), torch.eye(dim).double())


def randn(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize(
    ("family", "expected"),
    [
        (Point, lambda d: d),
        (DiagonalGaussian, lambda d: 2 * d),
        (FullGaussian, lambda d: d + d * (d + 1) // 2),
        (DiagonalLaplace, lambda d: 2 * d),
        (Box, lambda d: 2 * d),
    ],
)
def test_number_of_parameters(family, expected, dim):
    assert family.num_parameters(dim) == expected(dim)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("family", GAUSSIANS)
def test_kl_is_that_of_torch_distributions(family, dim):
    q = drawn(family, dim=dim)
    torch.testing.assert_close(q.kl().sum(-1), kl_divergence(reference(q), prior(dim)))


def test_diagonal_kl_is_that_of_each_latent():
    q = drawn(DiagonalGaussian)
    expected = kl_divergence(Normal(q.mean, q.variance.sqrt()), Normal(0.0, 1.0))
    torch.testing.assert_close(q.kl(), expected)


@pytest.mark.parametrize("family", GAUSSIANS)
def test_kl_is_the_mean_log_ratio_of_samples(family):
    q = drawn(family, shape=(), dim=3, scale=0.5)
    z = q.rsample(randn(200_000, 3))
    ratio = reference(q).log_prob(z) - prior(3).log_prob(z)
    error = ratio.std() / math.sqrt(len(z))
    assert abs(ratio.mean() - q.kl().sum()) < 5 * error
    assert error < 0.02 * q.kl().sum()  # else the line above says little


@pytest.mark.parametrize("family", GAUSSIANS)
def test_kl_terms_are_never_negative_and_vanish_at_the_prior(family):
    assert (drawn(family, shape=(1000,), dim=6).kl() >= 0).all()
    at_prior = family.from_parameters(torch.zeros(3, family.num_parameters(6)), 6)
    assert torch.equal(at_prior.kl(), torch.zeros(3, 6))


def test_chain_rule_terms_sum_to_the_closed_form():
    q = drawn(FullGaussian, dim=5)
    sigma = q.cholesky @ q.cholesky.mT
    trace = sigma.diagonal(dim1=-2, dim2=-1).sum(-1)
    whole = 0.5 * (trace + q.mean.square().sum(-1) - 5 - torch.logdet(sigma))
    torch.testing.assert_close(q.kl().sum(-1), whole)


def test_chain_rule_terms_are_expected_conditional_kls():
    """E KL(q(z_j | z_<j) || N(0, 1)) with the conditionals from the covariance, not from L."""
    q = drawn(FullGaussian, shape=(), dim=4)
    sigma = q.cholesky @ q.cholesky.T
    for j in range(4):
        past = sigma[:j, :j]
        weights = torch.linalg.solve(past, sigma[:j, j])
        variance = sigma[j, j] - weights @ sigma[:j, j]
        spread = weights @ past @ weights  # of the conditional mean
        expected = 0.5 * (variance + q.mean[j] ** 2 + spread - variance.log() - 1)
        torch.testing.assert_close(q.kl()[j], expected)


@pytest.mark.parametrize("dim", [1, 3])
def test_full_gaussian_without_covariances_is_the_diagonal_one(dim):
    mean, log_variance = randn(6, dim), randn(6, dim, seed=2)
    below = torch.zeros(6, dim * (dim - 1) // 2, dtype=torch.float64)
    full = FullGaussian.from_parameters(torch.cat([mean, log_variance, below], -1), dim)
    diagonal = DiagonalGaussian.from_parameters(torch.cat([mean, log_variance], -1), dim)
    noise, z = randn(6, dim, seed=3), randn(6, dim, seed=4)
    torch.testing.assert_close(full.variance, diagonal.variance)
    torch.testing.assert_close(full.kl(), diagonal.kl())
    torch.testing.assert_close(full.rsample(noise), diagonal.rsample(noise))
    torch.testing.assert_close(full.log_prob(z), diagonal.log_prob(z))


@pytest.mark.parametrize("family", GAUSSIANS)
def test_samples_are_affine_in_the_noise_with_mean_and_covariance_of_q(family):
    q = drawn(family, shape=(), dim=4)
    origin = q.rsample(torch.zeros(4).double())
    columns = q.rsample(torch.eye(4).double()) - origin  # row j: what noise e_j adds
    torch.testing.assert_close(origin, q.mean)
    torch.testing.assert_close(columns.T @ columns, reference(q).covariance_matrix)
    torch.testing.assert_close(q.variance, reference(q).variance)
    noise = randn(9, 4)
    torch.testing.assert_close(q.rsample(noise), origin + noise @ columns)


def test_cholesky_factor_is_lower_triangular_with_positive_diagonal():
    q = drawn(FullGaussian, shape=(50,), dim=5)
    assert torch.equal(q.cholesky, q.cholesky.tril())
    assert (q.cholesky.diagonal(dim1=-2, dim2=-1) > 0).all()


def test_every_entry_of_the_cholesky_factor_has_a_parameter_of_its_own():
    dim = 4
    zeros = torch.zeros(FullGaussian.num_parameters(dim), dtype=torch.float64)
    factor = torch.func.jacfwd(lambda p: FullGaussian.from_parameters(p, dim).cholesky)(zeros)
    reached = factor[..., dim:].reshape(dim * dim, -1)
    slopes = (
        torch.ones(dim, dim).double().tril() - torch.eye(dim).double() / 2
    )  # of exp(p / 2) at 0
    assert torch.equal((reached != 0).sum(0), torch.ones(dim * (dim + 1) // 2).long())
    assert torch.equal(reached.sum(1).reshape(dim, dim), slopes)


@pytest.mark.parametrize("family", GAUSSIANS)
def test_log_prob_sums_to_that_of_torch_distributions(family):
    q, z = drawn(family, dim=4), randn(7, 4)
    torch.testing.assert_close(q.log_prob(z).sum(-1), reference(q).log_prob(z))


@pytest.mark.parametrize("family", GAUSSIANS)
def test_entropy_of_samples_is_their_mean_negative_log_prob(family):
    """An affine pull-back: log q(z(noise)) = log N(noise) - log|det L|, exactly."""
    q, noise = drawn(family, dim=3), randn(7, 3)
    half_logdet = 0.5 * torch.logdet(reference(q).covariance_matrix)
    expected = Normal(0.0, 1.0).log_prob(noise).sum(-1) - half_logdet
    torch.testing.assert_close(q.log_prob(q.rsample(noise)).sum(-1), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_leading_shape_gives_what_each_row_gives(family, shape):
    dim, parameters = 3, randn(*shape, family.num_parameters(3))
    noise = randn(*shape, dim, seed=2)
    whole = family.from_parameters(parameters, dim)
    rows = [
        family.from_parameters(row, dim) for row in parameters.reshape(-1, parameters.shape[-1])
    ]
    draws = [row.rsample(eps) for row, eps in zip(rows, noise.reshape(-1, dim), strict=True)]
    torch.testing.assert_close(whole.rsample(noise), torch.stack(draws).reshape(*shape, dim))
    if family in NOISY:
        kls = torch.stack([row.kl() for row in rows]).reshape(*shape, dim)
        torch.testing.assert_close(whole.kl(), kls)


@pytest.mark.parametrize("family", NOISY)
def test_works_under_vmap_and_grad(family):
    dim = 3
    parameters, noise = randn(6, family.num_parameters(dim)), randn(6, dim, seed=2)

    def number(p, eps):
        q = family.from_parameters(p, dim)
        z = q.rsample(eps)
        log_prob = q.log_prob(z.detach()).sum() if family is not Box else 0
        return q.kl().sum() + q.mean_absolute().sum() + log_prob + z.square().sum()

    mapped = torch.func.vmap(torch.func.grad(number))(parameters, noise)
    for row, p, eps in zip(mapped, parameters, noise, strict=True):
        p = p.clone().requires_grad_()
        (alone,) = torch.autograd.grad(number(p, eps), p)
        torch.testing.assert_close(row, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize(("family", "dim"), [(f, 11 + i) for i, f in enumerate(GAUSSIANS)])
def test_a_look_without_gradients_does_not_spoil_training(family, dim, mode):
    """Whatever the first call caches; ``dim`` is used by no other test."""
    dim += 10 * (mode is torch.no_grad)
    with mode():
        family.from_parameters(torch.zeros(2, family.num_parameters(dim)), dim)
    parameters = torch.zeros(2, family.num_parameters(dim), requires_grad=True)
    family.from_parameters(parameters, dim).rsample(torch.ones(2, dim)).sum().backward()
    assert parameters.grad[:, :dim].eq(1).all()


def distribution(q):
    """A family of independent latents as an object of torch.distributions."""
    if isinstance(q, DiagonalLaplace):
        return Laplace(q.mean, (q.variance / 2).sqrt())
    if isinstance(q, Box):
        half = (3 * q.variance).sqrt()
        return Uniform(q.mean - half, q.mean + half)
    return Normal(q.mean, q.variance.sqrt())


@pytest.mark.parametrize("family", [DiagonalGaussian, DiagonalLaplace, Box])
class TestIndependentLatents:
    def test_entropy_variance_and_density_are_those_of_torch_distributions(self, family):
        q = drawn(family)
        torch.testing.assert_close(q.entropy(), distribution(q).entropy())
        torch.testing.assert_close(q.variance, distribution(q).variance)
        torch.testing.assert_close(q.covariance, torch.diag_embed(distribution(q).variance))
        if family is not Box:
            z = randn(7, 4)
            torch.testing.assert_close(q.log_prob(z), distribution(q).log_prob(z))

    def test_samples_are_the_quantiles_of_the_noise(self, family):
        q, noise = drawn(family), randn(7, 4)
        expected = distribution(q).icdf(Normal(0.0, 1.0).cdf(noise))
        torch.testing.assert_close(q.rsample(noise), expected)

    def test_far_noise_stays_finite_in_single_precision(self, family):
        q = family.from_parameters(torch.zeros(8), 4)
        assert q.rsample(torch.tensor([-9.0, -0.0, 0.0, 9.0])).isfinite().all()

    def test_mean_absolute_value_by_quadrature(self, family):
        q = drawn(family)
        p = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
        quantiles = distribution(q).icdf(p[:, None, None])
        torch.testing.assert_close(q.mean_absolute(), quantiles.abs().mean(0), rtol=1e-4, atol=0)

    def test_kl_to_the_standard_normal(self, family):
        q = drawn(family)
        torch.testing.assert_close(q.kl(), kl_divergence(distribution(q), Normal(0.0, 1.0)))


def test_a_box_stays_inside_of_the_cube():
    q = drawn(Box, shape=(1000,), scale=3.0)
    assert ((q.mean.abs() + q.half_width) <= 1).all()
    assert (q.rsample(randn(1000, 4)).abs() < 1).all()


def test_entropy_of_a_full_gaussian_is_that_of_torch_distributions():
    q = drawn(FullGaussian)
    torch.testing.assert_close(q.entropy().sum(-1), reference(q).entropy())
    marginal = distribution(q.marginals)
    torch.testing.assert_close(
        q.mean_absolute(), DiagonalGaussian(marginal.mean, marginal.variance.log()).mean_absolute()
    )


def test_point_ignores_the_noise():
    q = drawn(Point)
    assert torch.equal(q.rsample(randn(7, 4)), q.mean)


def rotation(dim, seed=5):
    return torch.linalg.qr(randn(dim, dim, seed=seed))[0]


def test_rotating_the_codes_costs_a_full_gaussian_nothing():
    q, u = drawn(FullGaussian, dim=5), rotation(5)
    sigma = u @ q.cholesky @ q.cholesky.mT @ u.T
    turned = FullGaussian(q.mean @ u.T, torch.linalg.cholesky(sigma))
    torch.testing.assert_close(turned.kl().sum(-1), q.kl().sum(-1))
    assert not torch.allclose(turned.kl(), q.kl())  # only the sum is independent of the basis


def test_rotating_the_codes_costs_a_diagonal_gaussian_kl():
    """The best diagonal keeps the precisions' diagonal; by Hadamard it cannot be cheaper."""
    q, u = drawn(DiagonalGaussian, shape=(200,), dim=5), rotation(5)
    precision = u @ torch.diag_embed(1 / q.variance) @ u.T
    log_variance = -precision.diagonal(dim1=-2, dim2=-1).log()
    turned = DiagonalGaussian(q.mean @ u.T, log_variance)
    lost = turned.log_variance.sum(-1) - q.log_variance.sum(-1)
    assert (lost < 0).all()
    assert (turned.kl().sum(-1) - q.kl().sum(-1)).abs().min() > 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler uses its own
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("family", NOISY)
def test_compiled_families_give_the_same_numbers(family):
    def numbers(parameters, noise):
        q = family.from_parameters(parameters, 3)
        return torch.cat([q.kl(), q.rsample(noise), q.variance, q.mean_absolute()], -1)

    parameters, noise = randn(4, family.num_parameters(3)), randn(4, 3, seed=1)
    torch.compiler.reset()
    torch.testing.assert_close(
        torch.compile(numbers)(parameters, noise), numbers(parameters, noise)
    )
