"""Collapse at the optimum of a linear VAE, which is known: shares, thresholds, scales."""

import pytest
import torch

from vaescope.alignment import collapse_beta, linear_vae_optimum, signal_share

EIGENVALUES = torch.tensor([4.0, 1.0, 0.3], dtype=torch.float64)


def optimum(beta, scale=1.0):
    """Posterior means and variances of data with these eigenvalues; the encoder is Bayes' rule."""
    found = linear_vae_optimum(torch.diag(EIGENVALUES), beta, latent_dim=4)
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    data = torch.linalg.qr(data - data.mean(0)).Q * (60 * EIGENVALUES).sqrt()  # exact covariance
    gram = found.decoder.T @ found.decoder
    encoder = torch.linalg.inv(gram + beta / 2 * torch.eye(4)) @ found.decoder.T
    variance = found.posterior_variance.expand(60, 4)
    return scale * data @ encoder.T + 7, scale**2 * variance


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.59, 1.9, 7.9])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_linear_vae_dies_at_twice_its_eigenvalues(beta, scale):
    mean, variance = optimum(beta, scale)
    alive = beta < 2 * EIGENVALUES
    share = torch.cat([(1 - beta / (2 * EIGENVALUES)).clamp(min=0), torch.zeros(1)])
    assert torch.allclose(signal_share(mean, variance), share.double())
    found = collapse_beta(mean, variance, beta)
    assert torch.allclose(found[:3][alive], 2 * EIGENVALUES[alive])
    assert torch.allclose(found[:3][~alive], torch.tensor(beta).double())
    assert float(found[3]) == pytest.approx(beta)  # the latent without an axis


def test_the_share_is_the_information_of_a_gaussian():
    beta = 0.5
    information = 0.5 * (2 * EIGENVALUES / beta).clamp(min=1).log()  # log of prior / posterior
    found = signal_share(*optimum(beta))[:3]
    assert torch.allclose(-0.5 * (1 - found).log(), information)


@pytest.mark.parametrize(
    ("mean", "variance", "beta", "told"),
    [
        (torch.zeros(2, 1), torch.zeros(2, 1), 1.0, "variance must be positive"),
        (torch.zeros(2, 1), torch.ones(2, 2), 1.0, "the same non-empty"),
        (torch.full((2, 1), torch.nan), torch.ones(2, 1), 1.0, "check the encoder"),
        (torch.zeros(2, 1), torch.ones(2, 1), 0.0, "beta = 0.0"),
    ],
)
def test_refusals(mean, variance, beta, told):
    with pytest.raises(ValueError, match=told):
        collapse_beta(mean, variance, beta)
