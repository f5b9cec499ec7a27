"""Loss terms of every method: pure, differentiable, batched over seeds, and what the paper says.

Methods are found in ``vaescope.models``; each is tested with every posterior and likelihood.
"""

import inspect
import math

import pytest
import torch
from torch.distributions import Bernoulli as Coin
from torch.distributions import (
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    Uniform,
    kl_divergence,
)
from torch.func import functional_call, grad, stack_module_state, vmap

from builders.methods import LIKELIHOODS, METHODS, NETWORKS, STEP, batch_of, made
from builders.minibatches import columns
from vaescope import models
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.distributions.posteriors import (
    Box,
    DiagonalGaussian,
    DiagonalLaplace,
    FullGaussian,
    Point,
    Posterior,
)
from vaescope.minibatch import Batch, on_tensors
from vaescope.models import (
    DSVAE,
    IVAE,
    VAE,
    Autoencoder,
    BetaVAE,
    EncDiff,
    FactorQVAE,
    GroupVAE,
    SigmaVAE,
    SlowVAE,
    TripletVAE,
)

CASES = [
    pytest.param(
        method,
        posterior,
        likelihood,
        id=f"{method.__name__}-{posterior.__name__}-{likelihood.__name__}",
    )
    for method in METHODS
    for posterior in method.posteriors
    for likelihood in LIKELIHOODS
]
every_case = pytest.mark.parametrize(("method", "posterior", "likelihood"), CASES)
every_network = pytest.mark.parametrize(
    "network", [pytest.param(n, marks=[pytest.mark.slow] * (n == "conv64")) for n in NETWORKS]
)
# of pairs, samples, noisy images or another posterior, or with a variance of its own: tested with
# their methods
OTHER_RECONSTRUCTIONS = {
    DSVAE,
    EncDiff,
    FactorQVAE,
    GroupVAE,
    IVAE,
    SigmaVAE,
    SlowVAE,
    TripletVAE,
}


def test_there_are_methods_and_all_are_exported():
    assert {VAE, BetaVAE, Autoencoder} <= set(METHODS)
    assert {method.__name__ for method in METHODS} <= set(vars(models))


@every_case
class TestEveryMethod:
    def test_terms_are_pure(self, method, posterior, likelihood):
        model, batch = made(method, posterior, likelihood), batch_of()
        noise = model.noise_for(4, STEP)
        of_batch = columns(batch).values()
        kept = [t.clone() for t in (*of_batch, *noise.values(), *model.state_dict().values())]
        state = torch.get_rng_state()
        first = model.terms(batch, STEP, noise)
        model.terms(batch, STEP + 50, noise)  # a counter would move
        second = model.terms(batch, STEP, noise)
        assert torch.equal(torch.get_rng_state(), state)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
        now = [*of_batch, *noise.values(), *model.state_dict().values()]
        assert all(torch.equal(a, b) for a, b in zip(kept, now, strict=True))

    def test_terms_are_finite_scalars_with_the_reconstruction(self, method, posterior, likelihood):
        model = made(method, posterior, likelihood)
        batch, noise = batch_of(), model.noise_for(4, STEP)
        terms = model.terms(batch, STEP, noise)
        assert all(value.shape == () and value.isfinite() for value in terms.values())
        assert "reconstruction" in terms
        if method not in OTHER_RECONSTRUCTIONS:
            z = model.encode(batch.image).rsample(noise["z"])
            expected = model.likelihood.nll(model.decode(z), batch.image).mean()
            torch.testing.assert_close(terms["reconstruction"], expected)

    def test_every_weight_has_a_finite_gradient(self, method, posterior, likelihood):
        model = made(method, posterior, likelihood, seed=1)  # with no layer of dead units
        terms = model.terms(batch_of(), STEP, model.noise_for(4, STEP))
        model.loss(terms, STEP).backward()
        for name, weight in model.named_parameters():
            assert weight.requires_grad == (name not in model.states)
            if name in model.states:
                continue
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name
            assert weight.grad.any(), name

    def test_posteriors_it_does_not_list_are_refused(self, method, posterior, likelihood):
        assert method.latent_problem(3, posterior) is None
        for other in set(Posterior.__args__) - set(method.posteriors):
            message = f"posterior={other.__name__} does not go with {method.__name__}"
            with pytest.raises(
                ValueError, match=f"{message}, which works with {method.posteriors[0].__name__}"
            ):
                made(method, other, likelihood)

    def test_latent_dim_of_zero_is_refused(self, method, posterior, likelihood):
        with pytest.raises(ValueError, match="latent_dim=0: a model needs at least 1 latent"):
            made(method, posterior, likelihood, latent_dim=0)

    def test_one_latent_is_enough(self, method, posterior, likelihood):
        model = made(method, posterior, likelihood, latent_dim=1)
        terms = model.terms(batch_of(), STEP, model.noise_for(4, STEP))
        assert model.loss(terms, STEP).isfinite()

    @every_network
    def test_stacked_seeds_give_what_each_gives_alone(self, method, posterior, likelihood, network):
        """Values and gradients under torch.func, each seed with its weights, batch and noise."""
        members = [made(method, posterior, likelihood, network, seed=seed) for seed in range(2)]
        batches = [batch_of(network, seed=seed) for seed in range(2)]
        noises = [member.noise_for(4, STEP) for member in members]
        weights, buffers = stack_module_state(members)

        def terms(weights, buffers, batch, noise):
            return functional_call(members[0], (weights, buffers), (batch, STEP, noise))

        def loss(*arguments):
            return members[0].loss(terms(*arguments), STEP)

        batch = on_tensors(lambda *each: torch.stack(each), *batches)
        noise = {name: torch.stack([each[name] for each in noises]) for name in noises[0]}
        arguments = (weights, buffers, batch, noise)
        axes = (0, 0, on_tensors(lambda _: 0, batch), 0)
        together, slopes = vmap(terms, axes)(*arguments), vmap(grad(loss), axes)(*arguments)
        losses = members[0].loss(together, STEP)  # one of each seed
        for i, (member, batch, noise) in enumerate(zip(members, batches, noises, strict=True)):
            alone = member.terms(batch, STEP, noise)
            for name, value in alone.items():
                torch.testing.assert_close(together[name][i], value, rtol=1e-10, atol=1e-20)
            torch.testing.assert_close(losses[i], member.loss(alone, STEP))
            member.loss(alone, STEP).backward()
            for name, weight in member.named_parameters():
                slope = torch.zeros_like(weight) if name in member.states else weight.grad
                torch.testing.assert_close(slopes[name][i], slope, rtol=1e-10, atol=1e-12)
        assert not torch.equal(together["reconstruction"][0], together["reconstruction"][1])


@pytest.mark.parametrize("method", METHODS)
def test_noise_belongs_to_seed_and_step(method):
    def noise(seed, step, size=4):
        return made(method, method.posteriors[0], seed=seed).noise_for(size, step)

    first, again = noise(1, 5), noise(1, 5)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["z"].shape == (4, 3)
    for other in (noise(2, 5), noise(1, 6)):
        assert not torch.isin(first["z"], other["z"]).any()
    assert torch.equal(noise(1, 5, size=9)["z"][:4], first["z"])  # larger batches only add rows


def test_noise_is_standard_normal():
    z = made(VAE, DiagonalGaussian).noise_for(20_000, 0)["z"]
    assert z.dtype == torch.float64
    torch.testing.assert_close(z.mean(0), torch.zeros(3).double(), atol=0.04, rtol=0)
    torch.testing.assert_close(torch.cov(z.T), torch.eye(3).double(), atol=0.05, rtol=0)


@every_case
def test_low_precision_networks_give_posteriors_in_single_precision(method, posterior, likelihood):
    model = made(method, posterior, likelihood).bfloat16()
    image = batch_of().image.bfloat16()
    q = model.encode(image)
    assert q.mean.dtype == torch.float32
    assert model.decode(q.mean.bfloat16()).dtype == torch.float32


def by_hand(model, batch, noise):
    """Reconstruction and KL with torch.distributions alone."""
    parameters, dim = model.encoder(batch.image), model.latent_dim
    mean, rest = parameters[:, :dim], parameters[:, dim:]
    prior = Independent(Normal(torch.zeros_like(mean), 1.0), 1)
    at = Normal(0.0, 1.0).cdf(noise["z"])
    if model.posterior is FullGaussian:
        scale = torch.diag_embed((rest[:, :dim] / 2).exp())
        rows, columns = torch.tril_indices(dim, dim, -1)
        scale[:, rows, columns] = rest[:, dim:]
        q = MultivariateNormal(mean, scale_tril=scale)
        prior = MultivariateNormal(torch.zeros(dim).double(), torch.eye(dim).double())
        z = q.loc + torch.einsum("bij,bj->bi", scale, noise["z"])
    elif model.posterior is DiagonalLaplace:
        q = Independent(Laplace(mean, (rest.exp() / 2).sqrt()), 1)
        z = q.base_dist.icdf(at)
    elif model.posterior is Box:
        half = 1 / (1 + (-rest).exp())
        middle = (1 - half) * mean.tanh()
        q = Independent(Uniform(middle - half, middle + half), 1)
        z = q.base_dist.icdf(at)
    else:
        q = Independent(Normal(mean, (rest / 2).exp()), 1)
        z = q.base_dist.icdf(at)
    output, image = model.decoder(z).flatten(1), batch.image.flatten(1)
    if isinstance(model.likelihood, Bernoulli):
        nll = -Coin(logits=output, validate_args=False).log_prob(image).sum(1)
    else:
        nll = (output - image).norm(dim=1) ** 2
    return nll.mean(), kl_divergence(q, prior).mean()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("posterior", BetaVAE.posteriors)
class TestBetaVAE:
    def test_terms_are_the_papers(self, posterior, likelihood):
        model, batch = made(BetaVAE, posterior, likelihood, beta=2.5), batch_of()
        noise = model.noise_for(4, STEP)
        reconstruction, kl = by_hand(model, batch, noise)
        terms = model.terms(batch, STEP, noise)
        assert terms.keys() == {"reconstruction", "kl"}
        torch.testing.assert_close(terms["reconstruction"], reconstruction)
        torch.testing.assert_close(terms["kl"], kl)
        torch.testing.assert_close(model.loss(terms, STEP), reconstruction + 2.5 * kl)

    def test_with_beta_one_is_the_vae(self, posterior, likelihood):
        batch = batch_of()
        one = made(BetaVAE, posterior, likelihood, beta=1.0)
        two = made(VAE, posterior, likelihood)
        noise = one.noise_for(4, STEP)
        a, b = one.terms(batch, STEP, noise), two.terms(batch, STEP, noise)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)

    def test_annealed_weight_multiplies_the_kl(self, posterior, likelihood):
        symbols = {"beta": 4.0, "initial_beta": 20.0, "anneal_steps": 100}
        model, batch = made(BetaVAE, posterior, likelihood, **symbols), batch_of()
        noise = model.noise_for(4, 0)
        reconstruction, kl = by_hand(model, batch, noise)
        for step, beta in ((0, 20.0), (25, 16.0), (100, 4.0), (999, 4.0)):
            terms = model.terms(batch, step, noise)
            torch.testing.assert_close(terms["kl"], kl)  # at every step
            torch.testing.assert_close(model.loss(terms, step), reconstruction + beta * kl)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ({"beta": 4.0}, {0: 4, 10**6: 4}),
        ({"beta": 0.0}, {0: 0, 5: 0}),
        ({"beta": 4.0, "anneal_steps": 10}, {0: 4, 5: 4, 10: 4}),
        (
            {"beta": 4.0, "initial_beta": 0.0, "anneal_steps": 10},
            {0: 0, 5: 2, 9: 3.6, 10: 4, 11: 4},
        ),
        ({"beta": 1.0, "initial_beta": 3.0, "anneal_steps": 4}, {0: 3, 1: 2.5, 4: 1, 40: 1}),
    ],
)
def test_schedule_of_beta(symbols, expected):
    model = made(BetaVAE, DiagonalGaussian, **symbols)
    for step, beta in expected.items():
        assert model.beta_at(step) == pytest.approx(beta, abs=1e-12)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"beta": -1.0}, "beta=-1.0: give a number from 0"),
        ({"initial_beta": -2.0, "anneal_steps": 5}, "initial_beta=-2.0: give a number from 0"),
        (
            {"initial_beta": 2.0, "anneal_steps": 0},
            "anneal_steps=0: with initial_beta give at least 1",
        ),
        ({"anneal_steps": -1}, "anneal_steps=-1: give an integer from 0"),
        ({"beta": math.nan}, "beta=nan"),
    ],
)
def test_weights_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(BetaVAE, DiagonalGaussian, **symbols)


def test_an_autoencoder_has_neither_noise_nor_beta():
    model, batch = made(Autoencoder, Point), batch_of()
    a = model.terms(batch, STEP, {"z": torch.zeros(4, 3)})
    b = model.terms(batch, STEP, {"z": torch.full((4, 3), math.nan)})
    assert a.keys() == {"reconstruction"}
    assert torch.equal(a["reconstruction"], b["reconstruction"])
    assert model.beta_at(0) is None


@pytest.mark.parametrize("method", METHODS)
def test_methods_name_their_symbols(method):
    kinds = [p.kind for p in inspect.signature(method).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert inspect.Parameter.VAR_POSITIONAL not in kinds


# The thesis' argument on the linear model: which losses see a rotation U of the latent space?


def orthogonal(dim, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))[0]


def with_rotated_decoder(model, u):
    """Decoder of codes z' = U z: W' = W U^T."""
    weight = model.decoder[0].weight
    weight.data = weight.data @ u.T


def with_rotated_means(model, u):
    layer, dim = model.encoder[1], model.latent_dim
    layer.weight.data[:dim] = u @ layer.weight.data[:dim]
    layer.bias.data[:dim] = u @ layer.bias.data[:dim]


def with_constant_covariance(model, parameters):
    """The linear VAE's optimum has one covariance for all x; give the encoder that."""
    layer, dim = model.encoder[1], model.latent_dim
    layer.weight.data[dim:] = 0
    layer.bias.data[dim:] = parameters


def cholesky_parameters(sigma):
    factor = torch.linalg.cholesky(sigma)
    rows, columns = torch.tril_indices(*sigma.shape, -1)
    return torch.cat([factor.diagonal().log().mul(2), factor[rows, columns]])


VARIANCES = torch.tensor([0.05, 0.3, 0.9], dtype=torch.float64)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_an_autoencoder_does_not_see_rotations(likelihood, seed):
    model, batch, u = (
        made(Autoencoder, Point, likelihood, "linear"),
        batch_of("linear"),
        orthogonal(3, seed),
    )
    noise = model.noise_for(4, 0)
    before = model.terms(batch, 0, noise)["reconstruction"]
    with_rotated_means(model, u)
    assert not torch.allclose(model.terms(batch, 0, noise)["reconstruction"], before)
    with_rotated_decoder(model, u)
    torch.testing.assert_close(model.terms(batch, 0, noise)["reconstruction"], before)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_vae_of_full_covariance_does_not_see_rotations(likelihood, seed):
    """Same noise up to the rotation of the standard normal that Q = L'^-1 U L makes of it."""
    model, batch, u = (
        made(VAE, FullGaussian, likelihood, "linear"),
        batch_of("linear"),
        orthogonal(3, seed),
    )
    z = model.noise_for(4, 0)["z"]
    sigma = torch.diag(VARIANCES)
    with_constant_covariance(model, cholesky_parameters(sigma))
    before = model.terms(batch, 0, {"z": z})
    turned = u @ sigma @ u.T
    with_constant_covariance(model, cholesky_parameters(turned))
    with_rotated_means(model, u)
    with_rotated_decoder(model, u)
    q = torch.linalg.solve(torch.linalg.cholesky(turned), u @ sigma.sqrt())
    torch.testing.assert_close(q @ q.T, torch.eye(3).double())
    after = model.terms(batch, 0, {"z": z @ q.T})
    for name in before:
        torch.testing.assert_close(after[name], before[name])


def expected_loss(model, image):
    """Loss of a linear Gaussian VAE of constant diagonal covariance, expectation in closed form."""
    q, weight = model.encode(image), model.decoder[0].weight
    noise_part = (weight.square() * q.variance[0]).sum()
    return (model.nll(q.mean, image) + noise_part + q.kl().sum(-1).mean()).item()


@pytest.mark.parametrize("seed", range(3))
def test_a_vae_of_diagonal_covariance_sees_rotations_of_its_optimal_axes(seed):
    """With orthogonal decoder columns and best variances, every rotation costs (Hadamard)."""
    model, image = made(VAE, DiagonalGaussian, Gaussian, "linear"), batch_of("linear").image
    decoder = model.decoder[0].weight
    lengths = torch.tensor([3.0, 1.5, 0.4]).double()
    decoder.data = torch.linalg.qr(decoder.data)[0] * lengths

    def best_variances():  # of ||W^T W|| sigma^2 + (sigma^2 - log sigma^2) / 2 for each latent
        with_constant_covariance(model, -(1 + 2 * decoder.data.square().sum(0)).log())

    best_variances()
    torch.testing.assert_close(
        expected_loss(model, image), monte_carlo_loss(model, image), rtol=0.02, atol=0
    )
    before = expected_loss(model, image)
    u = orthogonal(3, seed)
    with_rotated_means(model, u)
    with_rotated_decoder(model, u)
    best_variances()
    rotated = torch.diag(u @ torch.diag(1 + 2 * lengths.square()) @ u.T)
    gap = 0.5 * (rotated.log().sum() - (1 + 2 * lengths.square()).log().sum()).item()
    assert gap > 0.01
    assert expected_loss(model, image) - before == pytest.approx(gap, rel=1e-9)


def monte_carlo_loss(model, image, draws=4000):
    images = image.repeat(draws, 1)
    terms = model.terms(Batch(images, images), 0, model.noise_for(len(images), 0))
    return sum(terms.values()).item()
