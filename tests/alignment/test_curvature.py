"""Curvature over a posterior: closed forms, the best variances, and what rotations then cost."""

import math

import pytest
import torch

from vaescope.alignment import (
    decoder_gram,
    plane_rotation,
    posterior_curvature,
    predicted_rise,
    rotated_losses,
)
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, Point

BETA = 0.05


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def in_pairs(seed, draws, *shape):
    half = normal(seed, draws // 2, *shape)
    return torch.cat([half, -half])


def even(draws):
    """Equally likely quantiles of a standard normal [draws]."""
    return torch.special.ndtri((torch.arange(draws, dtype=torch.float64) + 0.5) / draws)


def test_of_a_linear_decoder_it_is_the_gram_matrix():
    columns, posterior = normal(0, 6, 3), DiagonalGaussian(normal(1, 5, 3), normal(2, 5, 3))
    args = (Gaussian().nll, normal(3, 5, 6), posterior, normal(4, 2, 5, 3))
    found = posterior_curvature(lambda z: z @ columns.T, *args)
    gram = decoder_gram(lambda z: z @ columns.T, posterior.mean, Gaussian().curvature)
    torch.testing.assert_close(found, gram)
    assert not found.requires_grad


def test_logits_that_are_linear_curve_by_their_variance():
    columns, mean = normal(0, 6, 3), normal(1, 5, 3)
    posterior = DiagonalGaussian(mean, torch.full_like(mean, -60))  # a point but for rounding
    args = (Bernoulli().nll, normal(3, 5, 6).sigmoid(), posterior, normal(4, 1, 5, 3))
    found = posterior_curvature(lambda z: z @ columns.T, *args)
    gram = decoder_gram(lambda z: z @ columns.T, mean, Bernoulli().curvature)
    torch.testing.assert_close(found, gram)


def test_of_an_exponential_it_is_the_integral():
    rate, mean, width, value = 0.7, 0.4, 0.6, 1.3  # (exp(rate z) - value)^2, z ~ N(mean, width^2)
    draws = even(20_000)[None, :, None]  # one for each of as many equal images
    posterior = DiagonalGaussian(
        torch.full_like(draws[0], mean), torch.full_like(draws[0], 2 * math.log(width))
    )
    args = (Gaussian().nll, torch.full_like(draws[0], value), posterior, draws)
    found = posterior_curvature(lambda z: (rate * z).exp(), *args).mean()
    first, second = (math.exp(c * rate * mean + (c * rate * width) ** 2 / 2) for c in (1, 2))
    assert found.item() == pytest.approx(rate**2 * (4 * second - 2 * value * first), rel=1e-3)


class Waves:
    """A decoder of orthogonal columns whose lengths change over the posterior's width."""

    amplitude = torch.tensor([0.9, 0.5], dtype=torch.float64)

    def __init__(self, images=100, draws=64):
        generator = torch.Generator().manual_seed(0)
        mean = 3 * torch.rand((images, 2), generator=generator, dtype=torch.float64) - 1.5
        self.noise, self.image = in_pairs(1, draws, images, 2), self.decode(mean)
        self.posterior = DiagonalGaussian(mean, torch.full_like(mean, -3))
        for _ in range(12):  # to the best variances of each image
            best = -(1 + self.curvature().diagonal(dim1=1, dim2=2) / BETA).log()
            halfway = (self.posterior.log_variance + best) / 2
            self.posterior = DiagonalGaussian(mean, halfway)

    def decode(self, z):
        return self.amplitude * z.sin()

    def curvature(self):
        args = (self.decode, Gaussian().nll, self.image, self.posterior, self.noise)
        return posterior_curvature(*args)

    def losses(self, degrees=0, posterior=None, precision=None):
        return rotated_losses(
            *(self.decode, Gaussian().nll, self.image, posterior or self.posterior),
            plane_rotation(2, 0, 1, math.radians(degrees)),
            beta=BETA,
            noise=self.noise,
            precision=precision,
        )

    def predicted(self, curvature, degrees):
        turn = plane_rotation(2, 0, 1, math.radians(degrees))
        return float(predicted_rise(curvature, turn, BETA).mean())


@pytest.fixture(scope="module")
def waves():
    return Waves()


def test_variances_that_follow_it_are_the_best(waves):
    least = waves.losses().mean()
    for latent in (0, 1):
        for change in (-0.3, 0.3):
            other = waves.posterior.log_variance.clone()
            other[:, latent] += change
            changed = DiagonalGaussian(waves.posterior.mean, other)
            assert waves.losses(posterior=changed).mean() > least
    precision = torch.eye(2).double() + waves.curvature() / BETA
    flat = decoder_gram(waves.decode, waves.posterior.mean, Gaussian().curvature)
    assert waves.losses(precision=precision).mean() == pytest.approx(float(least), rel=1e-3)
    at_mean = waves.losses(precision=torch.eye(2).double() + flat / BETA).mean()
    assert at_mean > 1.1 * least


@pytest.mark.parametrize("degrees", [15, 30, 45])
def test_a_curved_decoder_pays_what_the_averaged_curvature_predicts(waves, degrees):
    rise = waves.losses(degrees) - waves.losses()
    error = float(rise.std()) / math.sqrt(len(rise))
    assert float(rise.mean()) > 5 * error
    predicted = waves.predicted(waves.curvature(), degrees)
    assert float(rise.mean()) == pytest.approx(predicted, rel=0.12)
    flat = decoder_gram(waves.decode, waves.posterior.mean, Gaussian().curvature)
    assert waves.predicted(flat, degrees) > 1.25 * float(rise.mean())  # too much


def test_variances_of_the_curvature_at_the_mean_hide_the_rise(waves):
    """They do not fit the decoder, before the rotation even less than after it."""
    flat = decoder_gram(waves.decode, waves.posterior.mean, Gaussian().curvature)
    precision = torch.eye(2).double() + flat / BETA
    before, after = (waves.losses(angle, precision=precision).mean() for angle in (0, 15))
    assert waves.losses().mean() < after < before


def test_what_has_no_width_is_refused():
    mean = torch.zeros(2, 2)
    args = (torch.sin, Gaussian().nll, mean)
    with pytest.raises(ValueError, match="posterior is a Point"):
        posterior_curvature(*args, Point(mean), torch.zeros(1, 2, 2))
    for shape in ((2, 2), (0, 2, 2), (1, 3, 2)):
        with pytest.raises(ValueError, match=r"\[M, B, D\]"):
            posterior_curvature(*args, DiagonalGaussian(mean, mean), torch.zeros(shape))


def test_a_loss_that_curves_down_more_than_the_prior_up_has_no_prediction():
    for turn in (torch.eye(2), plane_rotation(2, 0, 1, 0.5)):
        with pytest.raises(ValueError, match="must be positive"):
            predicted_rise(torch.tensor([[[-2.0, 0], [0, 1]]]), turn, 1.0)
    slightly = predicted_rise(torch.tensor([[[-0.5, 0], [0, 1]]]), torch.eye(2), 1.0)
    assert slightly.tolist() == [0]
