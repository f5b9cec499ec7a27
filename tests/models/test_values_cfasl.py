"""CFASL: its terms in closed form on rotations, and an encoder that is exactly equivariant."""

import math

import pytest
import torch
from torch import nn

from builders.methods import STEP, batch_of, made, summands
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.minibatch import Batch
from vaescope.models import CFASL, Parts
from vaescope.models.symmetries import (
    changes,
    commutators,
    equivariance,
    matrix_exponential,
    parallelism,
    perpendicularity,
    sparsity,
)

J = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)  # generates rotations


def rotation(angle):
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def plane(first, angle, size=4):
    """The generator of a rotation in the latents ``first`` and ``first + 1``."""
    element = torch.zeros(size, size, dtype=torch.float64)
    element[first : first + 2, first : first + 2] = angle * J
    return element


def book(*sections):
    return torch.stack([torch.stack(elements) for elements in sections])


@pytest.mark.parametrize("angle", [0.0, 0.3, -2.0, math.pi, 11.0])
def test_exponentials_of_the_generator_are_rotations(angle):
    torch.testing.assert_close(matrix_exponential(angle * J), rotation(angle), rtol=0, atol=1e-11)


def test_the_exponential_is_torchs():
    algebra = torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(matrix_exponential(algebra), torch.linalg.matrix_exp(algebra))
    assert torch.autograd.gradcheck(matrix_exponential, algebra[0, :1].requires_grad_())


def test_commuting_generators_have_no_commutator_and_those_of_space_have_theirs():
    assert commutators(book([0.3 * J, 2 * J], [-J, J])).item() == 0
    assert commutators(book([plane(0, 1.0)], [plane(2, 0.5)])).item() == 0
    x, y, z = torch.zeros(3, 3, 3, dtype=torch.float64)  # [L_x, L_y] = L_z, |L|^2 = 2
    x[2, 1], x[1, 2], y[0, 2], y[2, 0], z[1, 0], z[0, 1] = 1, -1, 1, -1, 1, -1
    assert torch.equal(x @ y - y @ x, z)
    assert commutators(book([x, y, z])).item() == pytest.approx(6 * 2 / 9)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.9), (1.0, -1.0), (0.5, 0.5)])
def test_chords_of_two_rotations_meet_at_half_the_angle_between_them(a, b):
    z = torch.tensor([[0.6, -0.8]], dtype=torch.float64)
    delta = changes(book([a * J, b * J]), z)
    torch.testing.assert_close(delta[0, 0, 0], z[0] - rotation(a) @ z[0], rtol=0, atol=1e-11)
    lengths = delta.norm(dim=-1).flatten().tolist()
    assert lengths == pytest.approx([2 * abs(math.sin(t / 2)) for t in (a, b)])
    expected = -math.log(math.cos((a - b) / 2) ** 2) / 2  # two of four pairs
    assert parallelism(delta).item() == pytest.approx(expected, abs=1e-8)


def test_rotations_in_two_planes_are_perpendicular_and_in_one_they_are_not():
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).double()
    apart = changes(book([plane(0, 0.4), plane(0, 1.0)], [plane(2, 0.7), plane(2, 2.0)]), z)
    assert perpendicularity(apart).abs().item() < 1e-12
    same = changes(book([plane(0, 0.4)], [plane(0, 0.4)]), z[:1])
    assert perpendicularity(same).item() == pytest.approx(1 / 2)  # two of four pairs
    turned = changes(book([plane(0, 0.4)], [plane(0, 1.0)]), z[:1])
    assert perpendicularity(turned).item() == pytest.approx(math.cos(0.3) ** 2 / 2)


def test_perpendicularity_is_the_mean_over_pairs_of_sections():
    delta = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(1)).double()
    unit = (delta / delta.norm(dim=-1, keepdim=True)).flatten(1, 2)
    total = sum(
        float((unit[s] @ unit[t].T).square().mean()) for s in range(3) for t in range(3) if s != t
    )
    assert perpendicularity(delta).item() == pytest.approx(total / 9)


def test_sparsity_of_a_rotation_and_of_a_change_along_one_latent():
    angle = 0.8
    delta = changes(book([angle * J]), torch.tensor([[1.0, 0.0]]).double())
    smaller = min((1 - math.cos(angle)) ** 2, math.sin(angle) ** 2)
    assert sparsity(delta).item() == pytest.approx(smaller**2)
    stretch = torch.diag(torch.tensor([0.5, 0.0]).double())
    assert sparsity(changes(book([stretch]), torch.ones(3, 2).double())).item() == 0


@pytest.mark.parametrize("wrong", [0.0, 0.5, -1.3])
def test_equivariance_is_the_chord_of_the_angle_that_is_missed(wrong):
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)).double()
    other = z @ rotation(0.9).T
    algebra = ((0.9 + wrong) * J).expand(6, 2, 2)
    found = equivariance(algebra, z, other).item()
    chord = 4 * math.sin(wrong / 2) ** 2 * z.square().sum(1).mean().item()
    assert found == pytest.approx(
        2 * chord / 2, abs=1e-18, rel=1e-9
    )  # both ways, a mean over two latents


def circle(angle):
    """A model of points on a circle whose encoder and decoder are the coordinates themselves.

    Its codebook has one element a latent, the rotation by ``angle`` and nothing; the first switch
    is on.
    """

    def network(image_shape, num_parameters, latent_dim):
        encoder, decoder = nn.Linear(2, 4), nn.Linear(2, 2)
        with torch.no_grad():
            for layer in (encoder, decoder):
                layer.weight.zero_()
                layer.bias.zero_()
                layer.weight[:2] = torch.eye(2)
            encoder.bias[2:] = -80.0
        return encoder, decoder

    parts = Parts((2,), network, DiagonalGaussian, Gaussian(), None, latent_dim=2)
    model = CFASL(parts, num_elements=1).double()
    with torch.no_grad():
        model.codebook.copy_(torch.stack([angle * J, torch.zeros(2, 2).double()])[:, None])
        model.choice.weight.zero_()
        model.choice.bias.copy_(torch.tensor([40.0, 0.0, -40.0, 0.0]))  # switch, element, ...
    return model


def points(number):
    """Points on a circle in their order: the next one is the one before, rotated."""
    angles = 2 * math.pi * torch.arange(number, dtype=torch.float64) / number
    return torch.stack([angles.cos(), angles.sin()], 1)


@pytest.mark.parametrize("missed", [0.0, 0.4])
def test_an_equivariant_encoder_costs_nothing_and_another_angle_its_chord(missed):
    model, x = circle(2 * math.pi / 8 + missed), points(8)
    terms = model.terms(Batch(x, torch.zeros(8, 0)), 0, model.noise_for(8, 0))
    chord = 4 * math.sin(missed / 2) ** 2
    assert terms["equivariance"].item() == pytest.approx(chord, abs=1e-15)
    assert terms["decoder_equivariance"].item() == pytest.approx(chord, abs=1e-15)
    assert terms["reconstruction"].item() == pytest.approx(0, abs=1e-15)
    assert terms["commutators"].item() == 0
    # by 45 degrees each coordinate of a point changes by more than 0.2
    gap = (x - x.roll(-1, 0)).abs().amin().item()
    assert gap > 0.2
    expected = math.log1p(math.exp(-40)) + math.log1p(math.exp(40))  # on and right, off and wrong
    assert terms["switches"].item() == pytest.approx(expected)


def test_a_switch_that_is_off_leaves_the_code_where_it_is():
    model, x = circle(0.7), points(5)
    with torch.no_grad():
        model.choice.bias[0] = -40.0
    terms = model.terms(Batch(x, torch.zeros(5, 0)), 0, model.noise_for(5, 0))
    way = (x - x.roll(-1, 0)).square().mean().item()
    assert terms["equivariance"].item() == pytest.approx(2 * way)


def test_weights_are_those_of_the_sum():
    symbols = {"alpha": 2.0, "gamma": 3.0, "lamb": 5.0, "epsilon": 7.0, "beta": 11.0}
    model = made(CFASL, DiagonalGaussian, **symbols)
    noise = model.noise_for(4, STEP)
    plain = model.terms(batch_of(), STEP, noise)
    parts = summands(model, batch_of(), STEP, noise)
    factors = {
        **dict.fromkeys(("parallel", "perpendicular", "commutators", "sparsity"), 2.0),
        "switches": 3.0,
        "equivariance": 5.0,
        "decoder_equivariance": 7.0,
        "kl": 11.0,
        "reconstruction": 1.0,
    }
    assert parts.keys() == factors.keys()
    for name, factor in factors.items():
        torch.testing.assert_close(parts[name], factor * plain[name])


def test_shares_and_switches_make_the_element_between_two_images():
    model, batch = made(CFASL, DiagonalGaussian, num_elements=2), batch_of()
    noise = model.noise_for(4, 0)
    q = model.encode(batch.image)
    logits, shares = model.choose(q)
    assert logits.shape == (4, 3)
    assert shares.shape == (4, 3, 2)
    on = (logits + noise["logistic"] > 0).double()
    z = q.rsample(noise["z"])
    moved = []
    for i in range(4):
        element = sum(
            on[i, s] * shares[i, s, k] * model.codebook[s, k] for s in range(3) for k in range(2)
        )
        moved.append(torch.linalg.matrix_exp(element) @ z[i])
    expected = model.nll(torch.stack(moved), batch.image.roll(-1, 0))
    torch.testing.assert_close(model.terms(batch, 0, noise)["decoder_equivariance"], expected)
