"""Tripod: rounding, kernel densities against scipy, and the share of interactions at its codes."""

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde, norm

from builders.methods import STEP, batch_of, made
from vaescope.distributions.posteriors import Point
from vaescope.models import Autoencoder, Tripod
from vaescope.models.tripod import kernel_multiinformation, rounded


def codes(size=9, latents=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, latents, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("num_values", [2, 3, 12])
def test_values_are_even_and_the_nearest_is_taken_with_the_gradient_of_the_identity(num_values):
    bounded = torch.linspace(-0.99, 0.99, 50).double().requires_grad_()
    found = rounded(bounded, num_values)
    values = np.linspace(-1, 1, num_values)
    expected = [min(values, key=lambda v: abs(v - one)) for one in bounded.tolist()]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    assert torch.equal(torch.autograd.grad(found.sum(), bounded)[0], torch.ones(50).double())


def test_multiinformation_against_kernel_densities_by_hand():
    z = codes()
    deviations = z.std(0, correction=0)
    widths = deviations.numpy()
    points = z.numpy()
    marginals = sum(
        np.log([norm.pdf(point[j], points[:, j], widths[j]).mean() for point in points])
        for j in range(3)
    )
    factor = gaussian_kde(points.T, bw_method="silverman").factor
    kernels = [norm.pdf(point, points, widths * factor).prod(1).mean() for point in points]
    expected = (np.log(kernels) - marginals).mean()
    found = kernel_multiinformation(z, deviations)
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_multiinformation_is_higher_for_copies_and_does_not_see_scales():
    z = codes(200, 2)
    copies = torch.stack([z[:, 0], z[:, 0]], 1)
    scale = torch.tensor([5.0, 0.1]).double()
    one, two, scaled = (
        kernel_multiinformation(c, c.std(0, correction=0)) for c in (z, copies, scale * z)
    )
    assert two > one + 0.3
    torch.testing.assert_close(scaled, one)


def test_terms_against_the_decoder_at_the_rounded_codes():
    model, batch = made(Tripod, Point, num_values=5, num_draws=3), batch_of(size=8)
    noise = model.noise_for(8, STEP)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(60)
        model.encoder[-1].bias.sub_(model.encoder(batch.image).mean(0))
    bounded = model.encoder(batch.image).tanh()
    z = (2 * (bounded + 1)).round() / 2 - 1
    assert torch.equal(model.encode(batch.image).mean, z)
    assert z.unique().numel() == 5
    deviations = (bounded.var(0, correction=0) + 1e-12).sqrt()

    def variance(kind):
        moves = 0.1 * deviations * noise[kind]
        ends = [model.decoder(z + m) + model.decoder(z - m) - 2 * model.decoder(z) for m in moves]
        return (torch.stack(ends) / 0.01).var(0).mean()

    terms = model.terms(batch, STEP, noise)
    expected = variance("signs") / (variance("normals") + 1e-10)
    torch.testing.assert_close(terms["hessian"], expected)
    torch.testing.assert_close(terms["multiinformation"], kernel_multiinformation(z, deviations))
    assert model.weights(0) == pytest.approx({"multiinformation": 6e-4, "hessian": 6e-2})


def test_with_many_values_and_no_weights_it_is_an_autoencoder_of_bounded_codes():
    model = made(Tripod, Point, num_values=500_001, multiinformation=0.0, hessian=0.0)
    plain, batch = made(Autoencoder, Point), batch_of()
    noise = model.noise_for(4, STEP)
    found = model.loss(model.terms(batch, STEP, noise), STEP).item()
    z = plain.encode(batch.image).mean.tanh()
    assert found == pytest.approx(plain.nll(z, batch.image).item(), rel=1e-4)
