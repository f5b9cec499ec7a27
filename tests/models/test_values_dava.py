"""DAVA: both players' terms by hand, who is moved by which, and how the capacity moves."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from builders.methods import STEP, batch_of, made
from vaescope.distributions.likelihoods import Bernoulli
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.models import DAVA


def dava(**symbols):
    return made(DAVA, DiagonalGaussian, Bernoulli, **symbols)


def with_sharp_discriminator(batch):
    """Which takes about half of the images for reconstructions."""
    model = dava()
    with torch.no_grad():
        model.encoder[-1].weight.mul_(30)
        model.discriminator[-1].weight.mul_(300)
        logits = model.discriminator(model.decode_mean(model.encode(batch.image).mean))
        model.discriminator[-1].bias.sub_(logits.mean())
        model.capacity.fill_(0.2)
    return model


def test_terms_by_hand():
    batch = batch_of(size=16, seed=1)
    model = with_sharp_discriminator(batch)
    noise = model.noise_for(16, STEP)
    terms = model.terms(batch, STEP, noise)
    q = model.encode(batch.image)
    z = q.rsample(noise["z"])
    order = noise["permutation"].long()
    mixed = torch.stack([z[order[:, j], j] for j in range(3)], 1)
    real, false = (model.discriminator(model.decoder(c).sigmoid()).sigmoid() for c in (z, mixed))
    labels = 1 - 0.6 * noise["smoothing"][:, 0], 0.6 * noise["smoothing"][:, 1]
    pairs = zip((real, false), labels, strict=True)
    judged = sum(binary_cross_entropy(told[:, 0], label) for told, label in pairs) / 2
    torch.testing.assert_close(terms["discriminator"], judged)
    right = [told >= 0.6 for told in real[:, 0]] + [told < 0.6 for told in false[:, 0]]
    accuracy = sum(map(float, right)) / 32
    assert terms["accuracy_of_adversary"].item() == pytest.approx(accuracy)
    assert 0.5 < accuracy < 1
    taken = -(1 - real).log().mean()
    torch.testing.assert_close(terms["adversarial"], 100 * (accuracy - 0.5) * taken)
    gap = (q.kl().mean() - 0.2) ** 4
    torch.testing.assert_close(terms["capacity_gap"], gap)


def test_each_term_moves_its_own_players():
    batch = batch_of(size=16, seed=1)
    model = with_sharp_discriminator(batch)
    terms = model.terms(batch, STEP, model.noise_for(16, STEP))
    players = {
        "reconstruction": {"encoder", "decoder"},
        "capacity_gap": {"encoder"},
        "adversarial": {"encoder"},
        "discriminator": {"discriminator"},
    }
    for term, expected in players.items():
        model.zero_grad()
        terms[term].backward(retain_graph=True)
        moved = {name.split(".")[0] for name, w in model.named_parameters() if w.grad is not None}
        assert moved == expected, term


@pytest.mark.parametrize(
    ("accuracy", "before", "after"),
    [
        (0.5, 0.1, 0.11),
        (0.505, 0.1, 0.1),
        (0.6, 0.1, 0.09),
        (0.6, 0.004, 0.0),
        (0.4, 0.995, 1.0),
    ],
)
def test_the_capacity_rises_while_the_adversary_is_fooled(accuracy, before, after):
    model = dava(capacity_step=0.01, max_capacity=1.0)
    states = {"capacity": torch.tensor(before).double()}
    terms = {"accuracy_of_adversary": torch.tensor(accuracy).double()}
    assert model.states_after(states, terms, 0)["capacity"].item() == pytest.approx(after)


def test_an_adversary_that_tells_nothing_does_not_move_the_encoder():
    model, batch = dava(), batch_of()
    with torch.no_grad():
        for weight in (model.discriminator[-1].weight, model.discriminator[-1].bias):
            weight.zero_()
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    assert terms["accuracy_of_adversary"].item() == 0.5
    assert terms["adversarial"].item() == 0
