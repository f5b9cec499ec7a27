"""Rotated latent spaces: free for autoencoders and full posteriors, priced for diagonal ones."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaescope.alignment import (
    decoder_gram,
    plane_rotation,
    predicted_rise,
    rotated_losses,
    rotated_posterior,
)
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian, Point

seeds = st.integers(0, 10**6)
BETA = 0.3


def normal(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def haar(seed, dim):
    return torch.linalg.qr(normal(seed, dim, dim)).Q


def exact_noise(batch, dim):
    """Draws whose mean is 0 and covariance I: exact expectations of quadratic functions."""
    corners = math.sqrt(dim) * torch.eye(dim, dtype=torch.float64)
    return torch.cat([corners, -corners])[:, None].expand(-1, batch, -1)


class Linear:
    """A linear decoder with squared error and its optimal diagonal posterior."""

    def __init__(self, columns, batch=3, beta=BETA):
        self.columns = columns
        self.beta = beta
        self.gram = 2 * (columns.T @ columns).expand(batch, -1, -1)
        self.precision = torch.eye(columns.shape[1]).double() + self.gram / beta
        self.image = normal(1, batch, len(columns))
        mean = self.image @ columns @ torch.linalg.inv(self.precision[0]) * 2 / beta
        log_variance = -self.precision.diagonal(dim1=1, dim2=2).log()
        self.diagonal = DiagonalGaussian(mean, log_variance)
        covariance = torch.linalg.inv(self.precision)
        self.full = FullGaussian(mean, torch.linalg.cholesky(covariance))

    def decode(self, z):
        return z @ self.columns.T

    def losses(self, posterior, rotation, noise=None, **options):
        noise = exact_noise(*posterior.mean.shape) if noise is None else noise
        return rotated_losses(
            self.decode,
            Gaussian().nll,
            self.image,
            posterior,
            rotation,
            beta=self.beta,
            noise=noise,
            **options,
        )

    def closed_form(self, mean, covariance):
        """E ||x - W z||^2 + beta KL for z ~ N(mean, covariance), from the definitions."""
        bias = (self.image - self.decode(mean)).square().sum(1)
        spread = torch.einsum("bij,bji->b", self.gram / 2, covariance)
        trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
        kl = 0.5 * (mean.square().sum(1) + trace - mean.shape[1] - covariance.logdet())
        return bias + spread + self.beta * kl


def orthogonal(*lengths):
    return haar(0, 7)[:, : len(lengths)] * torch.tensor(lengths, dtype=torch.float64)


def identity(dim):
    return torch.eye(dim, dtype=torch.float64)


@settings(deadline=None, max_examples=25)
@given(angle=st.floats(-7, 7), dim=st.integers(2, 5), seed=seeds)
def test_plane_rotations_turn_one_latent_towards_another(angle, dim, seed):
    i, j = torch.randperm(dim, generator=torch.Generator().manual_seed(seed))[:2].tolist()
    rotation = plane_rotation(dim, i, j, angle)
    eye = identity(dim)
    torch.testing.assert_close(rotation @ rotation.T, eye)
    assert torch.linalg.det(rotation).item() == pytest.approx(1)
    torch.testing.assert_close(
        rotation @ eye[i], math.cos(angle) * eye[i] + math.sin(angle) * eye[j]
    )
    torch.testing.assert_close(rotation.T, plane_rotation(dim, i, j, -angle))
    torch.testing.assert_close(rotation.T, plane_rotation(dim, j, i, angle))
    others = [k for k in range(dim) if k not in (i, j)]
    torch.testing.assert_close(rotation[others], eye[others])


@settings(deadline=None, max_examples=20)
@given(seed=seeds, dim=st.integers(1, 5))
def test_full_posteriors_rotate_for_free(seed, dim):
    model = Linear(normal(seed, 6, dim))
    noise = normal(seed + 1, 4, 3, dim)
    before = model.losses(model.full, identity(dim), noise)
    after = model.losses(model.full, haar(seed, dim), noise)
    torch.testing.assert_close(after, before, atol=1e-10, rtol=1e-10)


def test_autoencoders_rotate_for_free():
    model = Linear(normal(0, 6, 4))
    point = Point(model.diagonal.mean)
    plain = Gaussian().nll(model.decode(point.mean), model.image)
    found = rotated_losses(model.decode, Gaussian().nll, model.image, point, haar(3, 4))
    torch.testing.assert_close(found, plain, atol=1e-10, rtol=1e-10)


def nonlinear(seed=0):
    first, second = normal(seed, 4, 16), 0.5 * normal(seed + 1, 16, 9)
    return lambda z: torch.tanh(z @ first) @ second


def test_nonlinear_decoders_with_any_likelihood_rotate_for_free_too():
    image = normal(5, 3, 9).sigmoid()
    full = FullGaussian.from_parameters(0.3 * normal(2, 3, 14), 4)
    options = {"beta": 2.0, "noise": normal(4, 5, 3, 4)}
    before = rotated_losses(nonlinear(), Bernoulli().nll, image, full, identity(4), **options)
    after = rotated_losses(nonlinear(), Bernoulli().nll, image, full, haar(3, 4), **options)
    torch.testing.assert_close(after, before, atol=1e-10, rtol=1e-10)


def test_a_full_posterior_becomes_the_rotated_gaussian():
    full, turn = Linear(normal(0, 6, 4)).full, haar(1, 4)
    found = rotated_posterior(full, turn)
    covariance = full.cholesky @ full.cholesky.mT
    torch.testing.assert_close(found.cholesky @ found.cholesky.mT, turn @ covariance @ turn.T)
    torch.testing.assert_close(found.mean, (turn @ full.mean.T).T)
    torch.testing.assert_close(found.kl().sum(1), full.kl().sum(1))


def divergence(variances, covariance):
    """KL(N(0, diag(variances)) || N(0, covariance))."""
    ratio = (torch.linalg.inv(covariance).diagonal() * variances).sum()
    return 0.5 * (ratio - len(variances) + covariance.logdet() - variances.log().sum())


def test_a_diagonal_posterior_becomes_the_nearest_diagonal_one():
    turn = haar(1, 4)
    posterior = DiagonalGaussian(normal(1, 1, 4), normal(0, 1, 4))
    target = turn @ posterior.variance[0].diag() @ turn.T
    variances = rotated_posterior(posterior, turn).variance[0]
    torch.testing.assert_close(variances, 1 / torch.linalg.inv(target).diagonal())
    variable = variances.log().requires_grad_()
    divergence(variable.exp(), target).backward()
    assert float(variable.grad.abs().max()) < 1e-10
    best = divergence(variances, target)
    for seed in range(20):
        assert divergence(variances * (0.1 * normal(seed, 4)).exp(), target) > best


@settings(deadline=None, max_examples=20)
@given(seed=seeds, dim=st.integers(1, 5))
def test_losses_are_the_exact_expectations(seed, dim):
    model, turn = Linear(normal(seed, 6, dim)), haar(seed, dim)
    for posterior in (model.diagonal, model.full):
        after = rotated_posterior(posterior, turn)
        if posterior is model.full:
            covariance = after.cholesky @ after.cholesky.mT
        else:
            covariance = after.variance.diag_embed()
        # the rotated model's latents, seen in the old coordinates
        expected = model.closed_form(after.mean @ turn, turn.T @ covariance @ turn)
        torch.testing.assert_close(model.losses(posterior, turn), expected)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, dim=st.integers(1, 5))
def test_prediction_is_exact_for_orthogonal_columns(seed, dim):
    model = Linear(orthogonal(2.0, 1.0, 0.5, 0.1, 0.0)[:, :dim])
    turn = haar(seed, dim)
    rise = model.losses(model.diagonal, turn) - model.losses(model.diagonal, identity(dim))
    torch.testing.assert_close(rise, predicted_rise(model.gram, turn, BETA), atol=1e-10, rtol=0)
    assert float(rise.min()) > -1e-10


@settings(deadline=None, max_examples=20)
@given(seed=seeds, dim=st.integers(2, 5))
def test_prediction_is_exact_for_any_columns_given_their_precision(seed, dim):
    model, turn = Linear(normal(seed, 6, dim)), haar(seed, dim)
    before = model.losses(model.diagonal, identity(dim))
    after = model.losses(model.diagonal, turn, precision=model.precision)
    expected = predicted_rise(model.gram, turn, BETA)
    torch.testing.assert_close(after - before, expected, atol=1e-9, rtol=0)
    # no diagonal posterior is better for the rotated decoder
    for factor in (0.9, 1.1):
        worse = model.losses(model.diagonal, turn, precision=model.precision * factor)
        assert bool((worse > after).all())
    assert bool((model.losses(model.diagonal, turn) >= after - 1e-10).all())


def test_monte_carlo_agrees_with_the_prediction():
    model = Linear(orthogonal(2.0, 0.7, 0.3))
    turn = plane_rotation(3, 0, 2, 0.6) @ plane_rotation(3, 1, 2, 0.4)
    noise = normal(0, 4000, 3, 3)
    rise = model.losses(model.diagonal, turn, noise) - model.losses(
        model.diagonal, identity(3), noise
    )
    torch.testing.assert_close(rise, predicted_rise(model.gram, turn, BETA), rtol=0.05, atol=0)


def test_the_rise_is_the_loss_that_a_full_posterior_would_save():
    columns = normal(0, 6, 3)
    model = Linear(columns)
    axes = torch.linalg.eigh(model.gram[0]).eigenvectors.T
    fall = predicted_rise(model.gram, axes, BETA)
    saved = model.losses(model.full, identity(3)) - model.losses(model.diagonal, identity(3))
    torch.testing.assert_close(fall, saved, atol=1e-10, rtol=0)
    assert float(fall.max()) < 0


def test_two_latents_of_different_strength_peak_at_45_degrees():
    model = Linear(orthogonal(2.0, 0.5))
    degrees = torch.arange(0, 91, 5)
    turns = [plane_rotation(2, 0, 1, math.radians(angle)) for angle in degrees.tolist()]
    rises = torch.stack([predicted_rise(model.gram, turn, BETA)[0] for turn in turns])
    losses = torch.stack([model.losses(model.diagonal, turn)[0] for turn in turns])
    torch.testing.assert_close(losses - losses[0], rises, atol=1e-10, rtol=0)
    assert rises[[0, -1]].abs().max() < 1e-10
    assert degrees[rises.argmax()] == 45
    torch.testing.assert_close(rises, rises.flip(0))
    assert bool((rises[:10].diff() > 0).all())
    first, second = (1 + 2 * length**2 / BETA for length in (2.0, 0.5))
    peak = BETA * (math.log((first + second) / 2) - 0.5 * math.log(first * second))
    assert rises.max().item() == pytest.approx(peak)


def test_equal_orthogonal_columns_may_be_rotated_for_free():
    model = Linear(orthogonal(1.3, 1.3, 1.3))
    before = model.losses(model.diagonal, identity(3), normal(0, 5, 3, 3))
    for seed in range(5):
        turn = haar(seed, 3)
        assert predicted_rise(model.gram, turn, BETA).abs().max() < 1e-10
        after = model.losses(model.diagonal, turn, normal(0, 5, 3, 3))
        torch.testing.assert_close(after, before, atol=1e-10, rtol=0)


def test_signed_permutations_are_free_with_any_noise_and_decoder():
    diagonal = DiagonalGaussian(normal(0, 3, 4), normal(1, 3, 4))
    image = normal(5, 3, 9)
    options = {"beta": 2.0, "noise": normal(4, 2, 3, 4)}
    turn = identity(4)[[2, 0, 3, 1]] * torch.tensor([1, -1, -1, 1])
    before = rotated_losses(nonlinear(), Gaussian().nll, image, diagonal, identity(4), **options)
    after = rotated_losses(nonlinear(), Gaussian().nll, image, diagonal, turn, **options)
    torch.testing.assert_close(after, before, atol=1e-10, rtol=0)


def test_the_identity_gives_the_loss_of_the_model():
    diagonal = DiagonalGaussian(normal(0, 3, 4), normal(1, 3, 4))
    image, noise = normal(5, 3, 9), normal(4, 6, 3, 4)
    nll = torch.stack([Gaussian().nll(nonlinear()(diagonal.rsample(n)), image) for n in noise])
    expected = nll.mean(0) + 2.0 * diagonal.kl().sum(1)
    found = rotated_losses(
        nonlinear(), Gaussian().nll, image, diagonal, identity(4), beta=2.0, noise=noise
    )
    torch.testing.assert_close(found, expected)


def test_prediction_holds_for_a_curved_decoder_with_narrow_posteriors():
    beta, decode = 1e-4, nonlinear()
    mean = 0.3 * normal(0, 2, 4)
    gram = decoder_gram(decode, mean, Gaussian().curvature)
    precision = identity(4) + gram / beta
    diagonal = DiagonalGaussian(mean, -precision.diagonal(dim1=1, dim2=2).log())
    turn, noise = haar(1, 4), exact_noise(2, 4)
    losses = [
        rotated_losses(
            decode,
            Gaussian().nll,
            decode(mean),
            diagonal,
            rotation,
            beta=beta,
            noise=noise,
            precision=precision,
        )
        for rotation in (identity(4), turn)
    ]
    expected = predicted_rise(gram, turn, beta)
    torch.testing.assert_close(losses[1] - losses[0], expected, rtol=0.05, atol=0)


def test_single_precision_models_are_decoded_in_single_precision():
    seen = []

    def decode(z):
        seen.append(z.dtype)
        return z

    for posterior in (
        Point(torch.zeros(2, 3)),
        DiagonalGaussian(torch.zeros(2, 3), torch.ones(2, 3)),
    ):
        found = rotated_losses(
            decode,
            Gaussian().nll,
            torch.ones(2, 3),
            posterior,
            haar(0, 3).float(),
            beta=1.0,
            noise=torch.zeros(1, 2, 3),
        )
        assert found.dtype == torch.float64
        assert not found.requires_grad
    assert set(seen) == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotation": torch.eye(3)}, r"rotation \(3, 3\)"),
        ({"rotation": 2 * torch.eye(2)}, "off by 3.0e\\+00 from U U\\^T = I"),
        ({"rotation": torch.full((2, 2), torch.nan)}, "off by nan"),
        ({"beta": None}, "beta = None"),
        ({"beta": 0.0}, "beta = 0.0"),
        ({"noise": None}, "noise is None"),
        ({"noise": torch.zeros(3, 2)}, r"noise has shape \(3, 2\)"),
        ({"noise": torch.zeros(0, 3, 2)}, r"noise has shape \(0, 3, 2\)"),
        ({"precision": torch.eye(2)}, r"precision has shape \(2, 2\)"),
        ({"precision": -torch.eye(2).expand(3, 2, 2)}, "positive definite"),
        ({"posterior": Linear(orthogonal(1.0, 2.0)).full, "precision": 1}, "diagonal posteriors"),
    ],
)
def test_what_cannot_be_rotated_is_refused(changes, message):
    model = Linear(orthogonal(2.0, 0.5))
    arguments = {
        "decode": model.decode,
        "nll": Gaussian().nll,
        "image": model.image,
        "posterior": model.diagonal,
        "rotation": identity(2),
        "beta": BETA,
        "noise": torch.zeros(1, 3, 2),
    }
    with pytest.raises(ValueError, match=message):
        rotated_losses(**(arguments | changes))


def test_a_point_has_no_distribution_to_rotate():
    with pytest.raises(ValueError, match="posterior is a Point"):
        rotated_posterior(Point(torch.zeros(2, 2)), torch.eye(2))


@pytest.mark.parametrize(
    ("gram", "beta", "message"),
    [
        (torch.eye(2), 1.0, r"\[N, D, D\]"),
        (torch.zeros(2, 2, 3), 1.0, r"\[N, D, D\]"),
        (torch.full((1, 2, 2), torch.nan), 1.0, "NaN or infinite"),
        (torch.eye(2)[None], 0.0, "above 0"),
    ],
)
def test_what_cannot_be_predicted_is_refused(gram, beta, message):
    with pytest.raises(ValueError, match=message):
        predicted_rise(gram, torch.eye(2), beta)


@pytest.mark.parametrize(
    ("i", "j", "angle", "message"),
    [
        (1, 1, 0.0, "two different"),
        (0, 3, 0.0, "of 3"),
        (-1, 0, 0.0, "of 3"),
        (0, 1, math.nan, "nan"),
    ],
)
def test_planes_that_do_not_exist_are_refused(i, j, angle, message):
    with pytest.raises(ValueError, match=message):
        plane_rotation(3, i, j, angle)
