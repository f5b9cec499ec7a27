"""The priors: exact divergences from every family, densities, and samples."""

import math

import pytest
import torch
from torch.distributions import kl_divergence

from vaescope.distributions.posteriors import Box, DiagonalGaussian, DiagonalLaplace, FullGaussian
from vaescope.distributions.priors import Laplace, StandardNormal, UniformCube

PRIORS = [StandardNormal(), Laplace(), Laplace(scale=0.3), UniformCube()]
PAIRS = [(prior, family) for prior in PRIORS for family in prior.posteriors]


def names(value):
    return type(value).__name__ if isinstance(value, tuple(map(type, PRIORS))) else value.__name__


def drawn(family, rows=7, dim=4):
    generator = torch.Generator().manual_seed(0)
    size = (rows, family.num_parameters(dim))
    return family.from_parameters(torch.randn(size, generator=generator).double(), dim)


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def negative_log_density(q, z):
    """-log q(z) summed over latents, ``[...]``, with torch.distributions' families."""
    if isinstance(q, FullGaussian):
        normal = torch.distributions.MultivariateNormal(q.mean, scale_tril=q.cholesky)
        return -normal.log_prob(z)
    if isinstance(q, Box):
        return (2 * (3 * q.variance).sqrt()).log().sum(-1).expand(z.shape[:-1])
    if isinstance(q, DiagonalLaplace):
        return -torch.distributions.Laplace(q.mean, (q.variance / 2).sqrt()).log_prob(z).sum(-1)
    return -torch.distributions.Normal(q.mean, q.variance.sqrt()).log_prob(z).sum(-1)


@pytest.mark.parametrize(("prior", "family"), PAIRS, ids=names)
def test_kl_is_the_mean_log_ratio_of_samples(prior, family):
    q = drawn(family, rows=1, dim=3)
    z = q.rsample(noise(400_000, 1, 3))
    ratio = -negative_log_density(q, z) - prior.log_prob(z).sum(-1)
    error = float(ratio.std()) / math.sqrt(len(z))
    kl = float(prior.kl(q).sum())
    assert abs(float(ratio.mean()) - kl) < 5 * error + 1e-9
    assert error < 0.02 * kl


@pytest.mark.parametrize(("prior", "family"), PAIRS, ids=names)
def test_kl_is_at_least_zero(prior, family):
    assert (prior.kl(drawn(family, rows=1000)).sum(-1) >= 0).all()


@pytest.mark.parametrize("family", [DiagonalGaussian, DiagonalLaplace])
def test_kl_to_laplace_is_that_of_torch_distributions(family):
    q, zero = drawn(family), torch.zeros(7, 4).double()
    if family is DiagonalGaussian:
        mine = torch.distributions.Normal(q.mean, q.variance.sqrt())
    else:
        mine = torch.distributions.Laplace(q.mean, (q.variance / 2).sqrt())
    expected = kl_divergence(mine, torch.distributions.Laplace(zero, 0.3))
    torch.testing.assert_close(Laplace(scale=0.3).kl(q), expected)


def test_kl_vanishes_at_the_prior():
    zero = torch.zeros(4, dtype=torch.float64)
    itself = DiagonalLaplace(zero, zero + math.log(2 * 0.7**2))
    torch.testing.assert_close(Laplace(scale=0.7).kl(itself), zero)
    assert UniformCube().kl(Box(zero, zero + 1)).eq(0).all()


def test_a_uniform_prior_refuses_a_posterior_that_leaves_its_cube():
    with pytest.raises(ValueError, match="DiagonalGaussian leaves the cube"):
        UniformCube().kl(drawn(DiagonalGaussian))


@pytest.mark.parametrize("prior", PRIORS, ids=names)
def test_samples_have_the_density(prior):
    """Share of samples below each of nine points against the integral of the density."""
    z = prior.sample(noise(200_000))
    fine = torch.linspace(-12, 12, 2_400_001, dtype=torch.float64)
    density = prior.log_prob(fine).exp()
    below = density.cumsum(0) * (fine[1] - fine[0])
    assert float(below[-1]) == pytest.approx(1, abs=1e-4)
    for point in torch.linspace(-0.9, 0.9, 9).tolist():
        expected = float(below[torch.searchsorted(fine, point)])
        assert float((z < point).double().mean()) == pytest.approx(expected, abs=0.005)
    assert float(z.var()) == pytest.approx(prior.variance, rel=0.02)


def test_scale_has_to_be_positive():
    with pytest.raises(ValueError, match=r"scale=0\.0: give a number above 0"):
        Laplace(scale=0.0)
