"""The weakly supervised GAN: three players in one loss, what is shared, and the penalty."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal

from builders.methods import STEP, batch_of, made
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.errors import ConfigError
from vaescope.minibatch import Known
from vaescope.models import WeaklySupervisedGAN
from vaescope.models.weakly_supervised_gan import changed_latents

PLAYERS = {
    "generator": "decoder",
    "discriminator": "discriminator",
    "gradient_penalty": "discriminator",
    "encoding": "encoder",
}


def gan(**symbols):
    return made(WeaklySupervisedGAN, DiagonalGaussian, Bernoulli, **symbols)


def test_each_term_moves_its_own_player_and_the_reconstruction_nobody():
    model, batch = gan(), batch_of()
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    assert not terms["reconstruction"].requires_grad
    for term, player in PLAYERS.items():
        model.zero_grad()
        terms[term].backward(retain_graph=True)
        moved = {name.split(".")[0] for name, w in model.named_parameters() if w.grad is not None}
        assert moved == {player}, term


def test_it_is_the_loop_of_three_optimisers():
    together, apart = gan(gamma=2.0), gan(gamma=2.0)
    optimizer = together.configure_optimizers()
    players = [apart.decoder, apart.discriminator, apart.encoder]
    optimizers = [torch.optim.Adam(player.parameters(), lr=1e-3) for player in players]
    for step in range(10):
        batch, noise = batch_of(seed=step), together.noise_for(4, step)
        optimizer.zero_grad()
        together.loss(together.terms(batch, step, noise), step).backward()
        optimizer.step()

        losses = losses_by_hand(apart, batch, noise)
        for player, loss in zip(players, losses, strict=True):
            weights = list(player.parameters())
            slopes = torch.autograd.grad(loss, weights, retain_graph=True)
            for weight, slope in zip(weights, slopes, strict=True):
                weight.grad = slope
        for each in optimizers:
            each.step()
    for name, weight in together.named_parameters():
        torch.testing.assert_close(weight, apart.get_parameter(name), rtol=1e-8, atol=1e-10)


def losses_by_hand(model, batch, noise):
    """Of generator, discriminator and encoder, by autograd and torch.distributions."""
    image, other = batch.image, batch.partners[0].image
    shared = ~torch.cat([batch.known.changed, torch.ones(4, 1, dtype=torch.bool)], 1)
    z = noise["first"]
    z2 = torch.stack([z[:, j].where(shared[:, j], noise["second"][:, j]) for j in range(3)], 1)
    x, x2 = model.decoder(z).sigmoid(), model.decoder(z2).sigmoid()
    told = (~shared).double()
    judged = model.discriminator(x, x2, told).sigmoid()
    real = [image.clone().requires_grad_(), other.clone().requires_grad_()]
    logits = model.discriminator(*real, told)
    slopes = torch.autograd.grad(logits.sum(), real, create_graph=True)
    squared = sum(slope.flatten(1).norm(dim=1) ** 2 for slope in slopes).mean()
    fooled = model.discriminator(x.detach(), x2.detach(), told).sigmoid()
    wrong = -0.5 * (logits.sigmoid().log() + (1 - fooled).log()).mean() + squared  # gamma is 2
    parameters = model.encoder(x.detach())
    q = Normal(parameters[:, :3], (parameters[:, 3:] / 2).exp())
    return -judged.log().mean(), wrong, -q.log_prob(z).sum(1).mean()


def test_a_discriminator_that_tells_nothing_costs_log_2_and_has_no_slope():
    model = gan()
    with torch.no_grad():
        for layer in (model.discriminator.head, model.discriminator.condition):
            layer.weight.zero_()
    terms = model.terms(batch_of(), STEP, model.noise_for(4, STEP))
    assert terms["generator"].item() == pytest.approx(math.log(2))
    assert terms["discriminator"].item() == pytest.approx(math.log(2))
    assert terms["gradient_penalty"].item() == 0


def test_a_logit_is_linear_in_what_is_told():
    model, batch = gan(), batch_of()
    pair = (batch.image, batch.partners[0].image)
    none, one, two = (
        model.discriminator(*pair, torch.tensor(told).double().expand(4, 3))
        for told in ([0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0])
    )
    torch.testing.assert_close(two - none, 2 * (one - none))
    swapped = model.discriminator(*reversed(pair), torch.zeros(4, 3).double())
    assert not torch.allclose(swapped, none)
    features = [F.leaky_relu(model.discriminator.features(image), 0.2) for image in pair]
    layers = [m for m in model.discriminator.neck if isinstance(m, torch.nn.Linear)]
    h = torch.cat(features, 1)
    for layer in layers:
        h = F.leaky_relu(layer(h), 0.2)
    torch.testing.assert_close(none, (h @ model.discriminator.head.weight.T)[:, 0])


def test_latents_without_a_factor_are_drawn_anew_and_factors_without_a_latent_left_out():
    changed = torch.tensor([[True, False, False], [False, True, True]])
    assert changed_latents(changed, 2).tolist() == [[True, False], [False, True]]
    assert changed_latents(changed, 4)[:, 3].all()


def test_images_of_which_nothing_is_known_are_refused():
    batch = batch_of()._replace(known=Known())
    model = gan()
    with pytest.raises(ConfigError, match="choose view=pairs_share_one"):
        model.terms(batch, STEP, model.noise_for(4, STEP))
