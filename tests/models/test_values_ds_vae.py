"""DSVAE: its bound by torch.distributions, transitions in closed form, what it tells apart."""

import math
from functools import partial

import pytest
import torch
from torch.distributions import Laplace, MultivariateNormal, Normal, kl_divergence

from builders.methods import LIKELIHOODS, batch_of, made
from vaescope.data import EvaluationBatches, Sequences, SyntheticLinearDataModule
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.errors import ConfigError
from vaescope.models import DSVAE, VAE, Parts
from vaescope.models.ds_vae import linear_cross_entropy
from vaescope.networks import linear
from vaescope.statistics import StaticDynamic, encode_split

SIZES = {"static_dim": 1, "length": 3}


def posteriors(batch=6, frames=4, latents=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(2, batch, frames, latents, generator=generator).double()
    return DiagonalGaussian(draw[0], 0.7 * draw[1])


def with_persistence(model, a):
    model.artanh_a.data = torch.as_tensor(a).double().atanh()
    return model


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_loss_is_the_negative_bound_of_a_frame(likelihood):
    """(KL of f + KL of the chain z_1 ... z_T, as one normal distribution - log p(x|f, z)) / T."""
    model = made(DSVAE, DiagonalGaussian, likelihood, **SIZES)
    a = torch.tensor([0.8, -0.3]).double()
    with_persistence(model, a)
    batch, noise = batch_of(), model.noise_for(4, 0)
    images = [batch.image, *(partner.image for partner in batch.partners)]
    each = [model.encode(image) for image in images]
    f = Normal(
        sum(q.mean[:, 0] for q in each) / 3, (sum(q.log_variance[:, 0] for q in each) / 6).exp()
    )
    static = kl_divergence(f, Normal(torch.zeros(4).double(), 1.0)).mean()
    dynamic = torch.zeros(()).double()
    for latent in (0, 1):
        times = torch.arange(3)
        chain = a[latent] ** (times[:, None] - times).abs()  # stationary, of variance 1
        prior = MultivariateNormal(torch.zeros(3).double(), chain)
        mean = torch.stack([q.mean[:, 1 + latent] for q in each], 1)
        variance = torch.stack([q.variance[:, 1 + latent] for q in each], 1)
        posterior = MultivariateNormal(mean, torch.diag_embed(variance))
        dynamic = dynamic + kl_divergence(posterior, prior).mean()
    drawn_f = f.mean + f.scale * noise["z"][:, 0]
    losses = []
    for q, image, name in zip(each, images, ("z", "z_2", "z_3"), strict=True):
        z = q.mean[:, 1:] + q.variance[:, 1:].sqrt() * noise[name][:, 1:]
        codes = torch.cat([drawn_f[:, None], z], 1)
        losses.append(model.likelihood.nll(model.decode(codes), image).mean())
    terms = model.terms(batch, 0, noise)
    torch.testing.assert_close(terms["kl_static"], static / 3)
    torch.testing.assert_close(terms["kl_dynamic"], dynamic / 3)
    torch.testing.assert_close(terms["reconstruction"], sum(losses) / 3)
    torch.testing.assert_close(model.loss(terms, 0), sum(terms.values()))
    weighted = made(DSVAE, DiagonalGaussian, likelihood, beta_f=2.0, beta_z=0.5, **SIZES)
    assert weighted.weights(0) == {"kl_static": 2.0, "kl_dynamic": 0.5}


def test_a_sequence_of_equal_frames_without_static_code_or_memory_is_a_vae():
    model = made(DSVAE, DiagonalGaussian, length=3, static_dim=0)
    vae = made(VAE, DiagonalGaussian)
    vae.load_state_dict({k: v for k, v in model.state_dict().items() if k != "artanh_a"})
    batch = batch_of()
    same = batch._replace(partners=(batch, batch))
    noise = model.noise_for(4, 0)
    noise = dict.fromkeys(noise, noise["z"])
    found, expected = model.terms(same, 0, noise), vae.terms(batch, 0, noise)
    torch.testing.assert_close(found["reconstruction"], expected["reconstruction"])
    torch.testing.assert_close(found["kl_dynamic"], expected["kl"])
    assert found["kl_static"].item() == 0


@pytest.mark.parametrize("transition", ["learned", "laplace"])
def test_transitions_are_expectations_over_both_posteriors(transition):
    model = made(DSVAE, DiagonalGaussian, transition=transition, rate=2.5, **SIZES)
    a = torch.tensor([0.9, -0.5]).double()
    if transition == "learned":
        with_persistence(model, a)
    q = posteriors(frames=2)
    torch.manual_seed(0)
    noise = torch.randn(200_000, 6, 2, 2).double()
    z = q.rsample(noise)
    at = Normal(q.mean, q.variance.sqrt())
    ahead = (
        Normal(a * z[:, :, 0], (1 - a**2).sqrt())
        if transition == "learned"
        else Laplace(z[:, :, 0], 1 / 2.5)
    )
    sampled = at.log_prob(z).sum((2, 3))
    sampled = sampled - Normal(0.0, 1.0).log_prob(z[:, :, 0]).sum(2)
    sampled = sampled - ahead.log_prob(z[:, :, 1]).sum(2)
    error = sampled.std(0) / math.sqrt(len(sampled))
    assert ((model.dynamic_kl(q) - sampled.mean(0)).abs() < 5 * error).all()


def test_a_memory_near_one_stays_finite():
    q = DiagonalGaussian(torch.zeros(2, 1), torch.zeros(2, 1))
    strong = torch.tensor([15.0], requires_grad=True)
    linear_cross_entropy(q, q, strong).sum().backward()
    assert strong.grad.isfinite().all()


def test_dynamic_codes_that_follow_the_prior_cost_nothing():
    model = made(DSVAE, DiagonalGaussian, **SIZES)  # a = 0
    zero = torch.zeros(3, 4, 2).double()
    assert model.dynamic_kl(DiagonalGaussian(zero, zero)).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("symbols", "message"),
    [({"static_dim": 4}, "static_dim=4: give at most latent_dim=3"), ({"length": 1}, "length=1")],
)
def test_symbols_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(DSVAE, DiagonalGaussian, **symbols)


def test_another_length_is_told():
    model = made(DSVAE, DiagonalGaussian, length=5)
    with pytest.raises(ConfigError, match="length=5, but sequences have 3 frames"):
        model.terms(batch_of(), 0, model.noise_for(4, 0))


@pytest.mark.slow
def test_the_static_code_knows_what_stays_and_the_dynamic_code_what_moves():
    """Of two factors that images show alike: without sequences no method tells them apart."""
    view = Sequences(4, speed=0.2, static=["w1"])
    data = SyntheticLinearDataModule(
        num_points=2000, ratio=1.0, view=view, split=None, batch_size=32
    )
    data.setup()
    torch.manual_seed(0)
    optimiser = partial(torch.optim.Adam, lr=0.03)
    parts = Parts((3,), linear, DiagonalGaussian, Gaussian(0.002), optimiser, latent_dim=2)
    model = DSVAE(parts, length=4)

    def table():
        shown = EvaluationBatches(data.dataset, view, 0)
        encoded = encode_split(model, shown, torch.arange(2000), split="val", step=0)
        numbers = StaticDynamic()(encoded)
        cells = ("static_from_static", "static_from_dynamic", "dynamic_from_static")
        return [numbers[f"val/{name}"] for name in (*cells, "dynamic_from_dynamic")]

    assert table() != pytest.approx([1, 0, 0, 1], abs=0.4)
    optimizer, batches = model.configure_optimizers(), data.epoch_batches()
    for step in range(2000):
        batch, noise = data.dataset.gather(batches.plan(step)), model.noise_for(32, step)
        optimizer.zero_grad()
        model.update_outcome(batch, step, noise)["loss"].backward()
        optimizer.step()
    assert table() == pytest.approx([1, 0, 0, 1], abs=0.2)
    assert 0.7 < model.artanh_a.tanh().item() < 1  # it has learned that places are kept in part
