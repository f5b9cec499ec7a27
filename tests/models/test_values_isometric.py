"""The relaxed distortion: 0 for isometries of any scale, known values, an independent formula."""

import pytest
import torch
from torch.func import jacrev, vmap

from builders.methods import STEP, batch_of, made
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.models import IsometricVAE
from vaescope.models.isometric_vae import relaxed_distortion


def orthogonal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(draw)[0]


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_it_is_zero_for_an_isometry_of_any_scale_whatever_its_rotations(scale):
    columns = torch.stack([scale * orthogonal(7, 3, seed).T for seed in range(4)])
    assert relaxed_distortion(columns).item() == pytest.approx(0, abs=1e-12)


def test_orthogonal_columns_of_unequal_lengths_and_unequal_scales_are_distorted():
    lengths = torch.tensor([1.0, 2.0, 3.0]).double()
    columns = (orthogonal(7, 3) * lengths).T.unsqueeze(0)
    expected = (1 + 16 + 81) / (1 + 4 + 9) ** 2 - 1 / 3
    assert relaxed_distortion(columns).item() == pytest.approx(expected)
    unequal = torch.stack([orthogonal(7, 3).T, 2 * orthogonal(7, 3).T])
    expected = (3 * (1 + 16) / 2) / (3 * (1 + 4) / 2) ** 2 - 1 / 3
    assert relaxed_distortion(unequal).item() == pytest.approx(expected)
    alike = torch.ones(2, 3, 7).double()
    assert relaxed_distortion(alike).item() == pytest.approx(1 - 1 / 3)


def test_the_term_of_a_linear_decoder_that_is_an_isometry_is_zero():
    model, batch = made(IsometricVAE, DiagonalGaussian, network="linear"), batch_of("linear")
    with torch.no_grad():
        next(model.decoder[0].parameters()).copy_(3 * orthogonal(5, 3))
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    assert terms["distortion"].item() == pytest.approx(0, abs=1e-12)


def test_the_term_against_reverse_mode_between_codes_and_beyond():
    model, batch = made(IsometricVAE, DiagonalGaussian, Bernoulli, eta=0.5), batch_of()
    noise = model.noise_for(4, STEP)
    z = model.encode(batch.image).rsample(noise["z"]).detach()
    order, a = noise["permutation"].tolist(), 2 * noise["share"] - 0.5
    assert sorted(order) == [0, 1, 2, 3]
    points = torch.stack([a[b] * z[b] + (1 - a[b]) * z[int(order[b])] for b in range(4)])
    jacobian = vmap(jacrev(lambda code: model.decoder(code[None])[0].flatten().sigmoid()))(points)
    g = torch.einsum("bxi,bxj->bij", jacobian, jacobian)
    traces = torch.linalg.eigvalsh(g)
    expected = traces.square().sum(1).mean() / traces.sum(1).mean() ** 2 - 1 / 3
    torch.testing.assert_close(model.terms(batch, STEP, noise)["distortion"], expected)


def test_shares_are_uniform_and_belong_to_the_seed():
    model = made(IsometricVAE, DiagonalGaussian)
    share = model.noise_for(4000, 0)["share"]
    assert 0 <= share.min() < 0.01
    assert 0.99 < share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=0.03)
