"""The Hessian penalty on decoders whose Hessian is known, over all random directions."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from builders.methods import STEP, batch_of, made
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.minibatch import Batch
from vaescope.models import BetaVAE, HessianVAE

SIGNS = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3)), dtype=torch.float64)  # [8, 3]
# equally likely values with the moments of a standard normal up to the fifth
NODES = [0.0, 0.0, 0.0, 0.0, math.sqrt(3), -math.sqrt(3)]
NORMALS = torch.tensor(list(itertools.product(NODES, repeat=3)), dtype=torch.float64)  # [216, 3]


class Quadratic(nn.Module):
    """z^T H_x z / 2 + b_x^T z for each of 6 entries x, with random Hessians."""

    def __init__(self, seed=0, off_diagonal=1.0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        half = torch.randn(6, 3, 3, generator=generator, dtype=torch.float64)
        eye = torch.eye(3, dtype=torch.float64)
        self.hessian = (half + half.mT) * (eye + off_diagonal * (1 - eye))
        self.slope = torch.randn(6, 3, generator=generator, dtype=torch.float64)

    def forward(self, z):
        square = torch.einsum("ba,xac,bc->bx", z, self.hessian, z) / 2
        return (square + z @ self.slope.T).unflatten(1, (2, 3))


class Additive(nn.Module):
    """Curved along each latent, but no two latents meet."""

    def forward(self, z):
        parts = [z[:, 0].sin() + z[:, 1] ** 4, z[:, 1].exp() - z[:, 2].cos(), z.square().sum(1)]
        return torch.stack(parts * 2, 1).unflatten(1, (2, 3))


def with_decoder(decoder, **symbols):
    model = made(HessianVAE, DiagonalGaussian, Bernoulli, gamma=1.0, **symbols)
    model.decoder = decoder
    return model


def off_diagonal(hessian, scale=1.0):
    """Sum over a != b of (s_a s_b H_ab)^2 of each entry, and the sum over all a, b."""
    scale = torch.as_tensor(scale, dtype=torch.float64).expand(3)
    squares = (hessian * scale * scale[:, None]).square()
    return squares.sum((1, 2)) - squares.diagonal(dim1=1, dim2=2).sum(1), squares.sum((1, 2))


def same_image(size):
    return batch_of().image[:1].expand(size, -1, -1)


def hessian_term(model, image, **noise):
    noise = {"z": torch.zeros(len(image), 3).double(), **noise}
    return model.terms(Batch(image, image), STEP, noise)["hessian"].item()


@pytest.mark.parametrize("epsilon", [0.1, 0.7])
def test_expectation_over_all_pairs_of_sign_vectors(epsilon):
    """Two draws are the 64 pairs of the 8 vectors, one pair an image: 2 sum_{a != b} H_ab^2."""
    decoder = Quadratic()
    model = with_decoder(decoder, reduction="mean", epsilon=epsilon)
    first, second = SIGNS.repeat_interleave(8, 0), SIGNS.repeat(8, 1)
    found = hessian_term(model, same_image(64), signs=torch.stack([first, second]))
    assert found == pytest.approx(2 * off_diagonal(decoder.hessian)[0].mean().item(), rel=1e-9)


@pytest.mark.parametrize(("reduction", "reduce"), [("max", torch.amax), ("mean", torch.mean)])
def test_penalty_of_all_sign_vectors_and_its_reduction(reduction, reduce):
    """The 8 vectors as 8 draws: the unbiased variance is 8 / 7 of theirs."""
    decoder = Quadratic(seed=1)
    model = with_decoder(decoder, reduction=reduction, num_draws=8)
    signs = SIGNS.unsqueeze(1).expand(8, 4, 3)
    expected = 8 / 7 * reduce(2 * off_diagonal(decoder.hessian)[0]).item()
    found = hessian_term(model, batch_of().image, signs=signs)  # H is the same everywhere
    assert found == pytest.approx(expected, rel=1e-9)


def test_maxima_are_taken_image_by_image_and_averaged():
    decoder = Quadratic(seed=2)
    noise = {"signs": torch.stack([SIGNS[[0, 0, 1, 2]], SIGNS[[1, 2, 2, 2]]])}
    model = with_decoder(decoder, reduction="max")
    whole = hessian_term(model, batch_of().image, **noise)
    each = [
        hessian_term(model, batch_of().image[[i]], signs=noise["signs"][:, [i]]) for i in range(4)
    ]
    assert len({round(value, 6) for value in each}) == 4  # the last draws no difference
    assert whole == pytest.approx(np.mean(each))


def sampled_codes(model, image):
    """What ``normalised_share`` decodes, and its noise."""
    noise = torch.randn(len(image), 3, generator=torch.Generator().manual_seed(9)).double()
    return model.encode(image).rsample(noise).detach(), noise


def normalised_share(model, image):
    """The normalised penalty with every sign vector and every node, as 216 draws each."""
    size = len(image)
    signs = SIGNS.repeat(27, 1).unsqueeze(1).expand(216, size, 3)
    normals = NORMALS.unsqueeze(1).expand(216, size, 3)
    noise = {"z": sampled_codes(model, image)[1], "signs": signs, "normals": normals}
    return hessian_term(model, image, **noise)


def test_normalised_penalty_is_the_share_off_the_diagonal():
    decoder = Quadratic(seed=3)
    model = with_decoder(decoder, normalised=True, reduction="mean", num_draws=216)
    image = batch_of(size=6).image
    scale = sampled_codes(model, image)[0].std(0, correction=0)
    off, whole = off_diagonal(decoder.hessian, scale)
    found = normalised_share(model, image)
    assert found == pytest.approx((off.sum() / whole.sum()).item(), rel=1e-6)
    assert 0.05 < found < 0.95


def test_normalised_penalty_does_not_see_scales_of_latents_and_output():
    decoder = Quadratic(seed=4)
    model = with_decoder(decoder, normalised=True, reduction="mean", num_draws=216)
    image = batch_of(size=6).image
    before = normalised_share(model, image)
    factor = torch.tensor([0.2, 3.0, 1.0]).double()
    with torch.no_grad():
        layer = model.encoder[-1]
        layer.weight[:3] *= factor[:, None]
        layer.bias[:3] *= factor
        layer.bias[3:6] += 2 * factor.log()  # log-variances
        decoder.hessian = 7 * decoder.hessian / factor / factor[:, None]
        decoder.slope = 7 * decoder.slope / factor
    assert normalised_share(model, image) == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize(
    ("off_diagonal_weight", "expected"), [(0.0, 0.0), (1e6, 1.0)], ids=["diagonal", "hollow"]
)
def test_normalised_penalty_goes_from_0_to_1(off_diagonal_weight, expected):
    decoder = Quadratic(seed=5, off_diagonal=off_diagonal_weight)
    model = with_decoder(decoder, normalised=True, reduction="mean", num_draws=216)
    assert normalised_share(model, batch_of().image) == pytest.approx(expected, abs=1e-6)


def test_normalised_penalty_pools_the_images_before_it_divides():
    class Flat(Quadratic):
        """Of the first latent alone where that is negative."""

        def forward(self, z):
            first = torch.eye(3, dtype=torch.float64)[0]
            return torch.where(z[:, :1, None] < 0, super().forward(z * first), super().forward(z))

    decoder = Flat(seed=6)
    model = with_decoder(decoder, normalised=True, reduction="mean", num_draws=216, epsilon=1e-3)
    image = batch_of(size=6).image
    z = sampled_codes(model, image)[0]
    negative = (z[:, 0] < 0).sum().item()
    assert 0 < negative < 6
    assert z[:, 0].abs().min() > 0.02  # no difference reaches across
    off, whole = off_diagonal(decoder.hessian, scale := z.std(0, correction=0))
    single = (decoder.hessian[:, 0, 0] * scale[0] ** 2).square()
    expected = (6 - negative) * off.sum() / ((6 - negative) * whole.sum() + negative * single.sum())
    assert normalised_share(model, image) == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("symbols", [{}, {"normalised": True, "reduction": "mean"}])
def test_a_decoder_without_interactions_has_no_penalty(symbols):
    model = with_decoder(Additive(), **symbols)
    batch = batch_of()
    noise = model.noise_for(4, STEP)
    assert model.terms(batch, STEP, noise)["hessian"].item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("symbols", [{}, {"normalised": True, "reduction": "mean"}])
def test_only_the_decoder_feels_the_penalty(symbols):
    model = made(HessianVAE, DiagonalGaussian, **symbols)
    model.terms(batch_of(), STEP, model.noise_for(4, STEP))["hessian"].backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.decoder.parameters())


def test_a_constant_decoder_has_no_penalty_and_finite_gradients():
    model = made(HessianVAE, DiagonalGaussian, normalised=True, reduction="mean")
    with torch.no_grad():
        model.decoder[-2].weight.zero_()
    term = model.terms(batch_of(), STEP, model.noise_for(4, STEP))["hessian"]
    assert term.item() == 0
    term.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_the_rest_is_a_beta_vae():
    batch = batch_of()
    model, same = made(HessianVAE, DiagonalGaussian), made(BetaVAE, DiagonalGaussian)
    noise = model.noise_for(4, STEP)
    terms, expected = model.terms(batch, STEP, noise), same.terms(batch, STEP, noise)
    assert terms.keys() == {*expected, "hessian"}
    assert all(torch.equal(terms[name], value) for name, value in expected.items())


def test_autocast_does_not_reach_the_differences():
    model = made(HessianVAE, DiagonalGaussian).float()
    smooth = nn.Linear(3, 50)
    model.decoder = nn.Sequential(smooth, nn.Tanh(), nn.Linear(50, 6), model.decoder[-1])
    with torch.no_grad():
        smooth.weight.mul_(0.3)
    image = batch_of().image.float()
    batch = Batch(image, image)
    noise = model.noise_for(4, STEP)
    exact = model.terms(batch, STEP, noise)["hessian"].item()
    with torch.autocast("cpu", torch.bfloat16):
        low = model.terms(batch, STEP, noise)["hessian"].item()
    assert low == pytest.approx(exact, rel=0.1)


def test_directions_are_signs_and_standard_normals():
    model = made(HessianVAE, DiagonalGaussian, normalised=True, reduction="mean", num_draws=3)
    noise = model.noise_for(3000, 0)
    assert noise["signs"].shape == noise["normals"].shape == (3, 3000, 3)
    assert noise["signs"].unique().tolist() == [-1, 1]
    for name in ("signs", "normals"):
        draws = noise[name].flatten(0, 1)
        torch.testing.assert_close(draws.mean(0), torch.zeros(3).double(), atol=0.04, rtol=0)
        torch.testing.assert_close(draws.T.cov(), torch.eye(3).double(), atol=0.06, rtol=0)
    assert "normals" not in made(HessianVAE, DiagonalGaussian).noise_for(4, 0)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"gamma": -1.0}, "gamma=-1.0: give a number from 0"),
        ({"epsilon": 0.0}, "epsilon=0.0: give a number above 0"),
        ({"num_draws": 1}, "num_draws=1: give an integer from 2"),
        ({"reduction": "sum"}, "reduction='sum': give one of 'max', 'mean'"),
        ({"normalised": True}, "reduction='max': with normalised=true choose mean"),
    ],
)
def test_symbols_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(HessianVAE, DiagonalGaussian, **symbols)
