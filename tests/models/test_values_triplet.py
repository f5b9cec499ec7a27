"""The hinge of triplets in closed form, and what is left where it is inactive: three ELBOs."""

import math

import numpy as np
import pytest
import torch

from builders.methods import STEP, batch_of, made, summands
from vaescope.distributions.posteriors import DiagonalGaussian, FullGaussian
from vaescope.minibatch import Batch
from vaescope.models import VAE, BetaVAE, TripletVAE
from vaescope.models.triplet_vae import triplet_hinge

NAMES = ("z", "z_2", "z_3")


def images_of(batch):
    return (batch, *batch.partners)


def with_partners(batch, *images):
    partners = tuple(Batch(image, batch.factors) for image in images)
    return batch._replace(partners=partners)


def mean_of_three(model, batch, noise):
    """Terms of an ordinary method, the mean over the images of a triplet."""
    pairs = zip(images_of(batch), NAMES, strict=True)
    each = [summands(model, images, STEP, {"z": noise[z]}) for images, z in pairs]
    return {name: sum(terms[name] for terms in each) / 3 for name in each[0]}


@pytest.mark.parametrize("posterior", [DiagonalGaussian, FullGaussian])
def test_an_inactive_hinge_leaves_the_mean_of_three_elbos(posterior):
    model, same = made(TripletVAE, posterior, alpha=7.0, margin=0.0), made(VAE, posterior)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    # no distance, and any other is farther
    batch = with_partners(batch, batch.image, batch.partners[1].image)
    terms, expected = summands(model, batch, STEP, noise), mean_of_three(same, batch, noise)
    assert terms["triplet"].item() == 0
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-12)
    sum(terms.values()).backward()
    sum(expected.values()).backward()
    for name, weights in same.named_parameters():
        found = model.get_parameter(name).grad
        torch.testing.assert_close(found, weights.grad, rtol=1e-10, atol=1e-12)


def test_beta_weighs_the_kl_alone():
    model, same = (
        made(TripletVAE, DiagonalGaussian, beta=3.0),
        made(BetaVAE, DiagonalGaussian, beta=3.0),
    )
    batch, noise = batch_of(), model.noise_for(4, STEP)
    terms, expected = summands(model, batch, STEP, noise), mean_of_three(same, batch, noise)
    torch.testing.assert_close(terms["kl"], expected["kl"])
    torch.testing.assert_close(terms["reconstruction"], expected["reconstruction"])


@pytest.mark.parametrize("norm", [1, 2])
def test_the_hinge_against_numpy(norm):
    model = made(TripletVAE, DiagonalGaussian, alpha=2.5, margin=0.02, norm=norm)
    batch, noise = batch_of(size=12), model.noise_for(12, STEP)
    a, p, n = (model.encode(x.image).mean.detach().numpy() for x in images_of(batch))
    gaps = np.linalg.norm(a - p, norm, axis=1) - np.linalg.norm(a - n, norm, axis=1) + 0.02
    assert (gaps > 0).any()
    assert (gaps < 0).any()
    expected = 2.5 * np.maximum(0, gaps).mean()
    assert summands(model, batch, STEP, noise)["triplet"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("norm", "margin", "expected"),
    [(2, 0.0, 0.0), (2, 2.0, 0.0), (2, 8.0, 3.0), (1, 2.0, 0.0), (1, 10.0, 3.0)],
)
def test_closed_forms_of_the_hinge(norm, margin, expected):
    """A positive at (3, 4), 5 or 7 away, a negative at (6, 8), 10 or 14 away."""
    a, p, n = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), torch.tensor([[6.0, 8.0]])
    assert triplet_hinge(a, p, n, norm=norm, margin=margin).item() == pytest.approx(expected)
    distance = {1: 7, 2: 5}[norm]
    swapped = triplet_hinge(a, n, p, norm=norm, margin=margin).item()
    assert swapped == pytest.approx(distance + margin)


@pytest.mark.parametrize("norm", [1, 2])
def test_a_triplet_of_one_image_costs_the_margin_and_has_finite_gradients(norm):
    model = made(TripletVAE, DiagonalGaussian, alpha=2.0, margin=0.5, norm=norm)
    batch, noise = batch_of(), model.noise_for(4, STEP)
    batch = with_partners(batch, batch.image, batch.image)
    triplet = summands(model, batch, STEP, noise)["triplet"]
    assert triplet.item() == pytest.approx(1.0, rel=1e-12)
    triplet.backward()
    assert not any(p.grad.any() for p in model.encoder.parameters())
    assert all(p.grad.isfinite().all() for p in model.encoder.parameters())


def test_the_hinge_moves_the_positive_nearer_and_the_negative_away():
    a, p, n = torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]], [[1.0, -1.0]]], requires_grad=True)
    towards = torch.autograd.grad(triplet_hinge(a, p, n, norm=2, margin=1.0).sum(), (p, n))
    half = math.sqrt(0.5)
    torch.testing.assert_close(
        towards, (torch.tensor([[half, half]]), torch.tensor([[-half, half]]))
    )


def test_the_three_images_have_noise_of_their_own():
    noise = made(TripletVAE, DiagonalGaussian).noise_for(50, STEP)
    every = torch.cat([noise[name] for name in NAMES])
    assert every.shape == (150, 3)
    assert every.unique().numel() == 450


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"alpha": -1.0}, "alpha=-1.0: give a number from 0"),
        ({"margin": -0.1}, "margin=-0.1"),
        ({"beta": math.nan}, "beta=nan"),
        ({"norm": 3}, "norm=3: give one of 1, 2"),
    ],
)
def test_options_it_does_not_have_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(TripletVAE, DiagonalGaussian, **symbols)
