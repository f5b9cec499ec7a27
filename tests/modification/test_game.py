"""The game's objective: each player's gradient is its own; the change stays within its bounds."""

import math

import pytest
import torch
from torch import nn

from vaescope.data import Panels
from vaescope.distributions.likelihoods import Bernoulli, Gaussian
from vaescope.modification.closed_form import Patterns
from vaescope.modification.game import Bounded, Game, Reference, Sparing, clipped
from vaescope.modification.references import Rotation, standardise

W = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
IMAGES = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(2))
NOISE = torch.randn(8, 2, generator=torch.Generator().manual_seed(3))
WIDTHS = (torch.tensor([0.1, 0.2]), torch.tensor([0.2, 0.1]))
ROTATION = Rotation("neighbours").matrix(("a", "b"))


def player():
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 16), nn.Unflatten(1, (1, 4, 4)))


def game(direction="entangle", nll=None, **options):
    torch.manual_seed(0)
    players = Bounded(player()), *(Reference(player(), widths) for widths in WIDTHS)
    nll = nll or Gaussian().nll
    settings = {"epsilon": 0.5, "clip": True} | options
    return Game(*players, nll, rotation=ROTATION, direction=direction, **settings)


def gradients(loss, module):
    return torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)


@pytest.mark.parametrize("direction", ["entangle", "align"])
@pytest.mark.parametrize("nll", [Gaussian().nll, Bernoulli().nll])
def test_one_objective_gives_each_player_its_own_gradient(direction, nll):
    players = game(direction, nll)
    whole = players.objective(IMAGES, W, NOISE)
    outputs, target = players.outputs(W, NOISE), players.modified(IMAGES, W)
    for k, decoder in enumerate((players.disentangled, players.entangled)):
        own = nll(outputs[k], target.detach()).mean()
        for a, b in zip(gradients(whole, decoder), gradients(own, decoder), strict=True):
            assert torch.allclose(a, b, atol=1e-7)
    sign = 1 if direction == "entangle" else -1
    dis, ent = (nll(output.detach(), target).mean() for output in outputs)
    own = sign * (ent - dis)
    alone = players.loss_of_modification(IMAGES, W, NOISE)
    of_decoders = players.loss_of_decoders(target, W, NOISE)
    assert alone.item() == pytest.approx(own.item(), abs=1e-5)
    for loss in (whole, alone):
        pairs = zip(
            gradients(loss, players.modification), gradients(own, players.modification), strict=True
        )
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)
    assert whole.item() == pytest.approx((of_decoders + alone).item(), abs=1e-4)


def test_a_price_adds_its_share_of_the_squared_change():
    free, priced = game(clip=False), game(clip=False, price=0.3)
    change = 0.5 * free.modification(W)
    expected = 0.15 * change.square().flatten(1).sum(1).mean()
    for loss in ("objective", "loss_of_modification"):
        both = [getattr(players, loss)(IMAGES, W, NOISE) for players in (free, priced)]
        assert (both[1] - both[0]).item() == pytest.approx(expected.item(), rel=1e-4)
    own = gradients(expected, free.modification)
    losses = [players.objective(IMAGES, W, NOISE) for players in (free, priced)]
    without = gradients(losses[0], free.modification)
    for a, b, c in zip(without, own, gradients(losses[1], priced.modification), strict=True):
        assert torch.allclose(a + b, c, atol=1e-5)
    decoders = [gradients(p.objective(IMAGES, W, NOISE), p.entangled) for p in (free, priced)]
    assert all(torch.equal(a, b) for a, b in zip(*decoders, strict=True))


def test_a_sparing_modification_leaves_the_images_as_they_are_along_its_axes():
    axes = torch.linalg.qr(torch.randn(16, 3, generator=torch.Generator().manual_seed(4))).Q.T
    players = game(clip=False)
    whole = players.modification
    spared = Sparing(whole, axes.view(3, 1, 4, 4))
    for w in (W, 50 * W):
        rest = spared(w).flatten(1)
        assert (rest @ axes.T).abs().max() < 1e-5
        assert rest.abs().max() <= 1
        assert rest.abs().max() > 0.3
        lost = whole(w).flatten(1) - rest
        within = (whole(w).flatten(1) - whole(w).flatten(1) @ axes.T @ axes).abs().amax(1) <= 1
        assert torch.allclose(lost[within] @ axes.T @ axes, lost[within], atol=1e-5)


def test_references_of_equal_widths_have_codes_of_the_same_information():
    players = game()
    for reference in (players.disentangled, players.entangled):
        reference.decoder = nn.Identity()
        reference.log_shares.data.fill_(math.log(0.3))
    plain, turned = players.outputs(W, NOISE)
    assert torch.allclose(turned, plain @ players.rotation.T, atol=1e-6)


def test_modified_images_stay_near_and_in_range():
    for clip in (True, False):
        modified = game(clip=clip).modified(IMAGES, 50 * W)
        assert (modified - IMAGES).abs().max() <= 0.5
        assert clip == bool(((modified >= 0) & (modified <= 1)).all())


def test_clipped_pixels_can_come_back():
    images = torch.tensor([-0.5, -0.5, 0.5, 1.5, 1.5], requires_grad=True)
    shown = clipped(images)
    assert shown.tolist() == [0, 0, 0.5, 1, 1]
    shown.backward(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]))
    assert images.grad.tolist() == [0, -1, 1, 1, 0]  # descent goes against the gradient


@pytest.mark.parametrize("moved", [[0.3, -0.2, 0.1], [9.0, 0.0, 0.0], [0.0, 3.0, 3.0]])
def test_widths_adapt_at_the_same_kl(moved):
    reference = Reference(nn.Identity(), torch.tensor([0.1, 0.2, 0.3]))
    before = reference.widths().detach().log()
    reference.log_shares.data += torch.tensor(moved)
    after = reference.widths().detach()
    assert after.prod().item() == pytest.approx(0.006, rel=1e-5)
    assert (after <= 1).all()
    gained = after.log() - before
    assert gained.argmax() == torch.tensor(moved).argmax()


def test_a_reference_shares_its_kl_out_as_the_variance_relation_says():
    """A linear decoder of norms 2 and 1: the best widths of product 0.02 are 0.1 and 0.2."""
    decoder = nn.Linear(2, 2, bias=False)
    decoder.weight.data = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    reference = Reference(decoder.requires_grad_(False), torch.tensor([0.4, 0.05]))
    optimizer = torch.optim.Adam([reference.log_shares], lr=0.02)
    for step in range(300):
        noise = torch.randn(500, 2, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        reference(torch.zeros(500, 2), noise).square().sum(1).mean().backward()
        optimizer.step()
    assert reference.widths().tolist() == pytest.approx([0.1, 0.2], rel=0.03)


def test_widths_stay_where_they_are_not_to_adapt():
    reference = Reference(nn.Identity(), torch.tensor([0.1, 0.2]), adapts=False)
    assert not reference.log_shares.requires_grad


class TestClosedForm:
    factors = Panels.factors

    def of(self, direction, shape=(1, 16, 16), **options):
        made = Patterns(**options).modification(self.factors, ROTATION, [(0, 1)], shape, direction)
        values = self.factors.values(torch.arange(1024))
        return made(standardise(self.factors, values)), values

    def test_entangling_pattern_is_a_rotated_factor_times_signs(self):
        change, values = self.of("entangle")
        u = (values[:, 0] - values[:, 1]).float() / 31  # first row of R, scaled to [-1, 1]
        signs = change / u[:, None, None, None]
        signs = signs[u != 0]
        assert torch.allclose(signs.abs(), torch.ones(1))
        assert torch.allclose(signs, signs[:1].expand_as(signs), atol=1e-4)
        assert change.abs().max() == pytest.approx(1, abs=1e-6)
        assert abs(float(signs[0].sum())) < 1e-2  # as many of either sign

    def test_aligning_patterns_are_one_a_factor_and_differ_in_strength(self):
        change, values = self.of("align", ratio=0.5)
        u = values.float() * 2 / 31 - 1
        slopes = torch.linalg.lstsq(u, change.flatten(1)).solution  # [2, pixels]
        assert torch.allclose(u @ slopes, change.flatten(1), atol=1e-5)
        assert ((slopes[0].abs() > 0.5) ^ (slopes[1].abs() > 0.5)).all()  # no pixel of both
        sizes = (slopes.abs() > 0.5).sum(1)
        assert 1.7 < float(sizes[0] / sizes[1]) < 2.3

    @pytest.mark.parametrize("shape", [(3, 10, 7), (9,)])
    def test_any_shape(self, shape):
        change, _ = self.of("entangle", shape)
        assert change.shape == (1024, *shape)
        assert change.abs().max() == pytest.approx(1, abs=1e-6)
