"""EncDiff: what noise is, what its loss is for known denoisers, and what decoding then gives."""

import math

import pytest
import torch
from torch.func import jacrev

from builders.methods import STEP, batch_of, made
from vaescope.distributions.posteriors import Point
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch
from vaescope.models import EncDiff
from vaescope.networks.diffusion_decoder import (
    HIGHEST,
    LOWEST,
    Denoiser,
    Tokens,
    clean_images,
    follow_noise,
    noisy_images,
)


def diffusion(**symbols):
    return made(EncDiff, Point, **symbols)


def normal(size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 5, generator=generator, dtype=torch.float64)


def exact(s):
    """The best guess of the noise in images of N(0, s^2 I): cov(eps, noisy) / var(noisy)."""

    def find_noise(noisy, angle):
        a = angle.reshape(-1, 1)
        return a.sin() * noisy / (s**2 * a.cos() ** 2 + a.sin() ** 2)

    return find_noise


def test_noise_keeps_the_variance_and_is_taken_out_again():
    images, eps = 0.3 * normal(40_000), normal(40_000, seed=1)
    for a in (0.0, 0.7, math.pi / 2):
        angle = torch.full((40_000,), a).double()
        noisy = noisy_images(images, eps, angle)
        expected = 0.3**2 * math.cos(a) ** 2 + math.sin(a) ** 2
        assert noisy.var().item() == pytest.approx(expected, rel=0.02)
        if a < 1.5:
            torch.testing.assert_close(clean_images(noisy, eps, angle), images.clamp(-1, 1))
    assert torch.equal(noisy_images(images, eps, torch.zeros(40_000).double()), images)


def loss_with(find_noise, images, seed=0):
    """Terms of a model whose denoiser is another, and the angles and the noise that it drew."""
    model = diffusion(network="linear")
    model.decoder.denoiser.forward = lambda noisy, angle, z: find_noise(noisy, angle)
    noise = model.noise_for(len(images), seed)
    angle = LOWEST + (HIGHEST - LOWEST) * noise["level"]
    return model.terms(Batch((images + 1) / 2, images), STEP, noise), angle, noise["eps"]


def test_the_loss_of_known_denoisers():
    images = normal(4).clamp(-1, 1)
    terms, _, eps = loss_with(lambda noisy, angle: torch.zeros_like(noisy), images)
    torch.testing.assert_close(terms["noise"], eps.square().sum(1).mean())
    one = images[:1].expand(4, 5)

    def told(noisy, angle):
        return (noisy - angle.cos()[:, None] * one) / angle.sin()[:, None]

    terms, *_ = loss_with(told, one)
    assert terms["noise"].item() == pytest.approx(0, abs=1e-18)
    assert terms["reconstruction"].item() == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("s", [1.0, 0.4])
def test_the_best_guess_for_normal_images_loses_what_cannot_be_known(s):
    images = s * normal(20_000, seed=2)
    terms, angle, _ = loss_with(exact(s), images)
    signal = s**2 * angle.cos() ** 2
    unknown = 5 * (signal / (signal + angle.sin() ** 2)).mean()
    assert terms["noise"].item() == pytest.approx(unknown.item(), rel=0.02)


def test_exact_noise_of_normal_images_leads_along_the_known_path():
    """From a to b numbers grow as the standard deviation does; in K steps the error is as 1/K."""
    s, a, b = 0.4, 1.2, 0.2
    start = 0.1 * normal(3)
    deviations = [math.hypot(s * math.cos(c), math.sin(c)) for c in (a, b)]
    expected = start * deviations[1] / deviations[0]

    def error(steps):
        angles = torch.linspace(a, b, steps + 1).tolist()
        return (follow_noise(exact(s), start, angles) - expected).abs().max().item()

    assert error(100) < 0.01 * start.abs().max().item()
    assert error(50) / error(100) == pytest.approx(2, rel=0.05)


def test_the_path_back_leads_to_the_same_noise():
    start, angles = 0.1 * normal(3), torch.linspace(1.2, 0.2, 401).tolist()
    there = follow_noise(exact(0.4), start, angles)
    back = follow_noise(exact(0.4), there, angles[::-1])
    torch.testing.assert_close(back, start, rtol=0.01, atol=1e-12)


def test_a_code_is_decoded_alike_each_time_and_the_start_is_not_trained():
    model, batch = diffusion(), batch_of()
    z = model.encode(batch.image).mean
    images = model.decode(z)
    assert torch.equal(images, model.decode(z))
    torch.testing.assert_close(model.decode(z[2:]), images[2:])
    assert images.shape == batch.image.shape
    assert 0 <= images.min() < images.max() <= 1
    start = model.decoder.start.clone()
    optimizer = model.configure_optimizers()
    model.loss(model.terms(batch, STEP, model.noise_for(4, STEP)), STEP).backward()
    optimizer.step()
    assert torch.equal(model.decoder.start, start)


def test_each_token_is_of_one_latent():
    slopes = jacrev(Tokens(3, 4))(torch.randn(1, 3))[0, ..., 0, :]  # [D, E, D]
    of_others = ~torch.eye(3, dtype=torch.bool)
    assert slopes.transpose(1, 2)[of_others].eq(0).all()
    assert slopes.transpose(1, 2)[~of_others].ne(0).all()


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((3, 64, 64), [16, 8, 4]),
        ((1, 28, 28), [28, 14, 7]),
        ((3, 15, 40), [15]),
        ((5,), [1]),
    ],
)
def test_places_are_about_sixteen_a_side_and_are_halved_where_they_can_be(shape, sizes):
    network = Denoiser(shape, 2, channels=8, token_dim=2, num_heads=1)
    seen = []
    for block in network.down:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[2]))
    noisy = torch.randn(2, *shape)
    assert network(noisy, torch.ones(2), torch.zeros(2, 2)).shape == noisy.shape
    assert seen == sizes


@pytest.mark.parametrize("symbols", [{"channels": 12}, {"channels": 16, "num_heads": 3}])
def test_channels_that_cannot_be_split_are_refused(symbols):
    with pytest.raises(ConfigError, match="channels is a multiple of 8"):
        diffusion(**symbols)
