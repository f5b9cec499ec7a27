"""Estimates of q(z) against the density itself, and the error of published code."""

import math

import pytest
import torch

from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian
from vaescope.models.aggregate import aggregate_densities, log_weights_of

N = 737_280


def posteriors(size, latents, variance, generator):
    """Means such that q(z) is N(0, I): independent latents, total correlation 0."""
    mean = math.sqrt(1 - variance) * torch.randn(size, latents, generator=generator).double()
    return DiagonalGaussian(mean, torch.full_like(mean, math.log(variance)))


def estimates(estimator, repeats=40, size=256, latents=10, variance=0.05):
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(repeats):
        q = posteriors(size, latents, variance, generator)
        z = q.rsample(torch.randn(size, latents, generator=generator).double())
        of_z = aggregate_densities(q, z, N, estimator)
        found.append((of_z.total_correlation, of_z.mutual_information))
    return torch.tensor(found).mean(0).tolist()


def test_stratified_weights_of_published_code_are_off_by_nats():
    """True total correlation 0, true information min(15.0, log N = 13.5) nats."""
    right, legacy = estimates("mss"), estimates("mss_legacy")
    assert abs(right[0]) < 2.5
    assert right[1] == pytest.approx(math.log(N), abs=0.5)
    assert legacy[0] > 8
    assert legacy[1] < 6


@pytest.mark.parametrize("estimator", ["mss", "batch"])
@pytest.mark.parametrize(("size", "number"), [(5, 5), (5, 40), (64, 737_280)])
def test_weights_of_a_code_add_up_to_one(estimator, size, number):
    total = log_weights_of(estimator, size, number).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(size, dtype=torch.float64))


def test_own_posterior_has_the_weight_of_one_image():
    weights = log_weights_of("mss", 8, 100).exp()
    torch.testing.assert_close(weights.diagonal(), torch.full((8,), 0.01, dtype=torch.float64))
    legacy = log_weights_of("mss_legacy", 8, 100).exp()
    assert legacy[:6, 0].tolist() == pytest.approx(
        [0.01] * 6
    )  # a column, and so one image's posterior for all codes


def test_stratified_weights_are_unbiased():
    """The mean over all batches of the estimated density is the density of the whole set."""
    generator = torch.Generator().manual_seed(1)
    q = posteriors(7, 2, 0.3, generator)
    z = q.rsample(torch.randn(7, 2, generator=generator).double())
    density = q.log_prob(z[:, None]).sum(-1).exp()  # code m under posterior n
    size, first, found = 3, 0, []
    for second in range(7):
        for third in range(7):
            if len({first, second, third}) == 3:
                chosen = torch.tensor([first, second, third])
                weights = log_weights_of("mss", size, 7).exp()
                found.append((weights[0] * density[first, chosen]).sum())
    assert torch.stack(found).mean().item() == pytest.approx(density[first].mean().item())


def test_a_batch_of_all_images_gives_the_density_itself():
    generator = torch.Generator().manual_seed(2)
    q = posteriors(6, 3, 0.2, generator)
    z = q.rsample(torch.randn(6, 3, generator=generator).double())
    parts = [
        torch.distributions.Normal(q.mean[n], q.variance[n].sqrt()).log_prob(z) for n in range(6)
    ]
    log_prob = torch.stack(parts)  # [n, m, D]
    joint = log_prob.sum(-1).exp().mean(0).log()
    product = log_prob.exp().mean(0).log().sum(-1)
    of_z = aggregate_densities(q, z, 6, "batch")
    torch.testing.assert_close(of_z.joint, joint)
    torch.testing.assert_close(of_z.product, product)
    weighted = aggregate_densities(q, z, 60, "mws")
    torch.testing.assert_close(weighted.joint, joint - math.log(60))
    torch.testing.assert_close(weighted.product, product - 3 * math.log(60))


def test_full_covariance_has_the_total_correlation_of_its_normal_distribution():
    """One posterior is the whole aggregate: TC = -1/2 log det of the correlation matrix."""
    generator = torch.Generator().manual_seed(3)
    root = torch.tril(torch.randn(3, 3, generator=generator).double())
    root.diagonal().copy_(root.diagonal().abs() + 0.5)
    size = 20_000
    q = FullGaussian(torch.zeros(1, 3).double(), root[None])
    z = q.rsample(torch.randn(size, 3, generator=generator).double())
    covariance = root @ root.T
    deviation = covariance.diagonal().sqrt()
    exact = -0.5 * torch.logdet(covariance / deviation / deviation[:, None])
    joint = q.log_prob(z).sum(-1)
    product = q.marginals.log_prob(z).sum(-1)
    assert (joint - product).mean().item() == pytest.approx(exact.item(), abs=0.03)
