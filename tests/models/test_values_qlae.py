"""Quantised latents: nearest values, straight-through gradients, codebook, decay of weights."""

import math

import numpy as np
import pytest
import torch

from builders.methods import STEP, batch_of, made, summands
from vaescope.config.loading import resolved
from vaescope.distributions.posteriors import Point
from vaescope.ensemble import Ensemble
from vaescope.experiment.assembly import build_model
from vaescope.models import Autoencoder, QuantisedAutoencoder
from vaescope.models.quantised_autoencoder import nearest_values, straight_through


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def with_spread_codes(seed=0, **symbols):
    """A model whose codes fall on many values."""
    model = made(QuantisedAutoencoder, Point, seed=seed, **symbols)
    with torch.no_grad():
        model.encoder[-1].weight.mul_(4)
        model.codebook.add_(0.05 * drawn(*model.codebook.shape, seed=seed))
    return model


def raw_codes(model, image):
    return model.encoder(image)


@pytest.mark.parametrize("seed", range(3))
def test_nearest_values_against_loops(seed):
    z, codebook = drawn(6, 3, seed=seed), drawn(3, 5, seed=10 + seed)
    expected = [
        [min(codebook[j].tolist(), key=lambda v: abs(v - z[b, j].item())) for j in range(3)]
        for b in range(6)
    ]
    assert nearest_values(z, codebook).tolist() == expected


def test_values_start_evenly_and_every_latent_has_its_own():
    model = made(QuantisedAutoencoder, Point, num_values=5)
    expected = torch.tensor([-0.5, -0.25, 0.0, 0.25, 0.5]).double().expand(3, 5)
    assert torch.equal(model.codebook, expected)


def test_straight_through_has_the_values_exactly_and_the_gradient_of_the_identity():
    z, codebook = drawn(6, 3).requires_grad_(), drawn(3, 5).requires_grad_()
    values = nearest_values(z, codebook)
    code = straight_through(z, values)
    assert torch.equal(code, values)
    weights = drawn(6, 3, seed=5)
    slopes = torch.autograd.grad((weights * code).sum(), [z, codebook], allow_unused=True)
    assert torch.equal(slopes[0], weights)
    assert slopes[1] is None
    single = straight_through(z.float(), values.float())
    assert torch.equal(single, values.float())  # no rounding between them


def test_encode_gives_codes_from_the_codebook_alone():
    model, batch = with_spread_codes(), batch_of(size=32)
    mean = model.encode(batch.image).mean
    assert all(torch.isin(mean[:, j], model.codebook[j]).all() for j in range(3))
    assert mean.unique().numel() > 10
    assert not torch.isin(raw_codes(model, batch.image), model.codebook).any()


def test_terms_are_the_published_loss_times_the_number_of_pixels():
    model, batch = with_spread_codes(commitment=0.02, quantisation=0.03), batch_of()
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    z = raw_codes(model, batch.image).detach().numpy()
    book = model.codebook.detach().numpy()
    values = np.array(
        [[book[j][np.abs(book[j] - z[b, j]).argmin()] for j in range(3)] for b in range(4)]
    )
    output = model.decoder(torch.tensor(values)).detach()
    per_pixel = (output - batch.image).square().mean().item()
    per_latent = np.mean((z - values) ** 2)
    assert per_latent > 1e-4
    assert terms["reconstruction"].item() == pytest.approx(6 * per_pixel)
    assert terms["commitment"].item() == pytest.approx(per_latent)
    assert terms["quantisation"].item() == pytest.approx(per_latent)
    published = per_pixel + (0.02 + 0.03) * per_latent
    assert model.loss(terms, STEP).item() == pytest.approx(6 * published)


def test_each_term_moves_what_it_should():
    model, batch = with_spread_codes(), batch_of(size=8)
    noise = model.noise_for(8, STEP)
    groups = {
        "encoder": list(model.encoder.parameters()),
        "decoder": list(model.decoder.parameters()),
        "codebook": [model.codebook],
    }
    moves = {
        "reconstruction": {"encoder", "decoder"},
        "commitment": {"encoder"},
        "quantisation": {"codebook"},
    }
    for name, expected in moves.items():
        model.zero_grad()
        model.terms(batch, STEP, noise)[name].backward()
        moved = {
            group
            for group, weights in groups.items()
            if any(w.grad is not None and w.grad.any() for w in weights)
        }
        assert moved == expected, name


def test_codebook_gradient_is_the_pull_of_the_codes_that_chose_a_value():
    model, batch = with_spread_codes(quantisation=0.5), batch_of(size=8)
    summands(model, batch, STEP, model.noise_for(8, STEP))["quantisation"].backward()
    z, book = raw_codes(model, batch.image).detach(), model.codebook.detach()
    expected = torch.zeros_like(book)
    for b in range(8):
        for j in range(3):
            chosen = (book[j] - z[b, j]).abs().argmin()
            expected[j, chosen] += 0.5 * 6 * 2 * (book[j, chosen] - z[b, j]) / (8 * 3)
    torch.testing.assert_close(model.codebook.grad, expected)


def test_encoder_gradient_is_that_of_an_autoencoder_at_the_quantised_codes():
    model, batch = with_spread_codes(commitment=0.0), batch_of()
    model.terms(batch, STEP, {})["reconstruction"].backward()
    z = raw_codes(model, batch.image)
    code = nearest_values(z, model.codebook).detach().requires_grad_()
    slope = torch.autograd.grad(model.nll(code, batch.image), code)[0]
    weights = list(model.encoder.parameters())
    expected = torch.autograd.grad((slope * z).sum(), weights)
    for own, other in zip(weights, expected, strict=True):
        torch.testing.assert_close(own.grad, other)


def test_dense_values_make_an_autoencoder():
    """With values that lie close, quantising changes next to nothing."""
    fine = made(QuantisedAutoencoder, Point, num_values=200_001)
    with torch.no_grad():
        fine.codebook.mul_(20)
    batch = batch_of()
    plain = made(Autoencoder, Point).terms(batch, STEP, {})
    found = fine.terms(batch, STEP, {})["reconstruction"].item()
    assert found == pytest.approx(plain["reconstruction"].item(), rel=1e-4)


def decays(optimizer, model):
    of = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(of) == sum(1 for _ in model.parameters())
    return {name: of[id(p)] for name, p in model.named_parameters()}


def test_all_weights_decay_but_biases_and_codebook(config):
    words = (
        "experiment=tiny",
        "model=qlae",
        "latent_dim=3",
        "network=mlp",
        "network.encoder_sizes=[7]",
    )
    plain = resolved(config(*words, "network.decoder_sizes=[6]", "model.weight_decay=0.25"))
    model = build_model(plain, (2, 3))
    optimizer = model.configure_optimizers()
    assert type(optimizer) is torch.optim.AdamW
    found = decays(optimizer, model)
    free = {name for name in found if name.endswith("bias") or name == "codebook"}
    assert free < found.keys()
    assert found == {name: 0.0 if name in free else 0.25 for name in found}

    before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
    for weights in model.parameters():
        weights.grad = torch.zeros_like(weights)
    optimizer.step()
    for name, weights in model.named_parameters():
        shrunk = before[name] * (1 if name in free else 1 - 1e-3 * 0.25)
        torch.testing.assert_close(weights.detach(), shrunk, rtol=1e-6, atol=0)


def test_members_of_an_ensemble_decay_alike():
    ensemble = Ensemble([made(QuantisedAutoencoder, Point, seed=seed) for seed in range(2)])
    found = decays(ensemble.configure_optimizers(), ensemble)
    alone = made(QuantisedAutoencoder, Point)
    expected = decays(alone.configure_optimizers(), alone)
    assert {name.removeprefix("stacked."): decay for name, decay in found.items()} == expected


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"num_values": 1}, "num_values=1: give an integer from 2"),
        ({"commitment": -0.1}, "commitment=-0.1: give a number from 0"),
        ({"weight_decay": math.nan}, "weight_decay=nan: give a number from 0"),
    ],
)
def test_symbols_that_cannot_work_are_refused(symbols, message):
    with pytest.raises(ValueError, match=message):
        made(QuantisedAutoencoder, Point, **symbols)
