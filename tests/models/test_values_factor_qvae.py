"""FactorQVAE: categorical latents by hand and by torch.distributions, and both players."""

import math

import pytest
import torch
from torch.distributions import Categorical, kl_divergence
from torch.nn.functional import cross_entropy

from builders.methods import STEP, batch_of, made
from vaescope.distributions.posteriors import Point
from vaescope.models import FactorQVAE


def probabilities(model, image):
    z = model.encoder(image)
    return Categorical(logits=-((z[:, :, None] - model.codebook) ** 2))


def test_kl_and_reconstruction_by_hand():
    model, batch = made(FactorQVAE, Point, temperature=0.7), batch_of()
    noise = model.noise_for(4, STEP)
    terms = model.terms(batch, STEP, noise)
    q = probabilities(model, batch.image)
    uniform = Categorical(logits=torch.zeros(4, 3, 5).double())
    torch.testing.assert_close(terms["kl"], kl_divergence(q, uniform).sum(1).mean())
    w = ((q.logits + noise["gumbel"]) / 0.7).exp()
    codes = (w * model.codebook).sum(-1) / w.sum(-1)
    torch.testing.assert_close(terms["reconstruction"], model.nll(codes, batch.image))
    published = model.weights(0)["kl"] * terms["kl"] / 6  # X is 6, a mean over 3 latents
    torch.testing.assert_close(published, 1e-3 * kl_divergence(q, uniform).mean())


def test_both_players_terms_and_whom_they_move():
    model, batch = made(FactorQVAE, Point), batch_of(size=8)
    noise = model.noise_for(8, STEP)
    terms = model.terms(batch, STEP, noise)
    w = (probabilities(model, batch.image).logits + noise["gumbel"]).softmax(-1)
    order = noise["permutation"].long()
    permuted = torch.stack([w[order[:, j], j] for j in range(3)], 1)
    true, false = (model.discriminator(each.flatten(1)) for each in (w, permuted))
    labels = torch.zeros(8, dtype=torch.long)
    judged = 0.5 * (cross_entropy(true, labels) + cross_entropy(false, labels + 1))
    assert terms["discriminator"].item() == pytest.approx(judged.item(), rel=1e-5)
    ratio = (true[:, 0] - true[:, 1]).mean()
    assert terms["aggregate_total_correlation"].item() == pytest.approx(ratio.item(), rel=1e-4)
    for term, expected in {
        "discriminator": {"discriminator"},
        "aggregate_total_correlation": {"encoder", "codebook"},
    }.items():
        model.zero_grad()
        terms[term].backward(retain_graph=True)
        moved = {name.split(".")[0] for name, w in model.named_parameters() if w.grad is not None}
        assert moved == expected


def test_codes_are_the_likeliest_values_and_samples_are_them_when_cold():
    model, batch = made(FactorQVAE, Point, temperature=1e-6), batch_of()
    mean = model.encode(batch.image).mean
    likeliest = model.codebook[probabilities(model, batch.image).probs.argmax(-1)]
    torch.testing.assert_close(mean, likeliest)
    noise = {**model.noise_for(4, STEP), "gumbel": torch.zeros(4, 3, 5).double()}
    found = model.terms(batch, STEP, noise)["reconstruction"]
    torch.testing.assert_close(found, model.nll(mean, batch.image))


def test_noise_has_gumbels_distribution():
    gumbel = made(FactorQVAE, Point).noise_for(4000, 0)["gumbel"]
    assert gumbel.mean().item() == pytest.approx(0.5772, abs=0.02)
    assert gumbel.var().item() == pytest.approx(math.pi**2 / 6, abs=0.05)
