"""The principal flow: an encoder that inverts, an exact density, and what angles cost."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal
from torch.func import jacrev, vmap

from builders.methods import STEP, batch_of, made
from vaescope.alignment import axis_cosines, decoder_jacobian
from vaescope.data import SyntheticLinearDataModule
from vaescope.distributions.likelihoods import Gaussian
from vaescope.distributions.posteriors import Point
from vaescope.errors import ConfigError
from vaescope.minibatch import Batch
from vaescope.models import Parts, PrincipalFlow
from vaescope.networks import mlp
from vaescope.networks.injective_flow import Frame, coupling_flow


def flow(**symbols):
    model = made(PrincipalFlow, Point, **{"num_layers": 4, "width": 7, **symbols})
    with torch.no_grad():  # far from the identity, where it begins
        for name, weights in model.named_parameters():
            if "network.4" in name:
                weights.normal_(std=0.5, generator=torch.Generator().manual_seed(weights.numel()))
    return model


def jacobians(model, z):
    return vmap(jacrev(lambda code: model.decoder(code[None])[0].flatten()))(z)


def test_the_encoder_inverts_the_decoder_and_a_whole_flow_has_no_error():
    z = torch.randn(5, 3, dtype=torch.float64)
    for components in (64, 4):
        model = flow(num_components=components)
        torch.testing.assert_close(model.encoder(model.decoder(z)), z)
    whole, batch = flow(latent_dim=6), batch_of()
    terms = whole.terms(batch, STEP, whole.noise_for(4, STEP))
    assert terms["reconstruction"].item() == pytest.approx(0, abs=1e-20)


def test_components_are_a_subspace_in_which_lengths_are_kept():
    model = flow(num_components=4)
    images = model.decoder(torch.randn(50, 3, dtype=torch.float64)).flatten(1)
    assert torch.linalg.matrix_rank(images - images.mean(0)) == 4
    frame = Frame(9, 4)
    torch.testing.assert_close(frame.columns.T @ frame.columns, torch.eye(4))


def test_columns_move_steadily_where_an_entry_passes_zero():
    frame = Frame(4, 2)
    before, after = (_columns(frame, value) for value in (1e-4, -1e-4))
    assert (before - after).abs().max() < 1e-3


def _columns(frame, value):
    with torch.no_grad():
        frame.matrix[0, 0] = value
        return frame.columns.clone()


def test_terms_are_the_density_of_the_flow_and_the_volume_lost_to_angles():
    model, batch = flow(), batch_of()
    terms = model.terms(batch, STEP, model.noise_for(4, STEP))
    z = model.encode(batch.image).mean
    jacobian = jacobians(model, z)
    volume = 0.5 * torch.logdet(jacobian.mT @ jacobian)
    normal = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    density = normal.log_prob(z) - volume
    constant = 1.5 * math.log(2 * math.pi)
    expected = -(terms["code"] + terms["log_determinant"] + constant)
    torch.testing.assert_close(density.mean(), expected)
    torch.testing.assert_close(model.log_likelihood(batch.image), density)
    angles = jacobian.norm(dim=1).log().sum(1) - volume
    assert (angles > 1e-3).all()
    torch.testing.assert_close(terms["angles"], angles.mean())


class Linear(nn.Module):
    def __init__(self, matrix):
        super().__init__()
        self.matrix = matrix

    def forward(self, z):
        return (z.flatten(1) @ self.matrix.T).unflatten(1, (2, -1))


def linear(matrix):
    """A whole flow x = A z."""
    model = flow(latent_dim=6)
    model.decoder, inverse = Linear(matrix), Linear(torch.linalg.inv(matrix))
    model.encoder = nn.Sequential(inverse, nn.Flatten())
    return model


def test_a_linear_flow_has_the_density_of_a_normal_distribution():
    scales = torch.tensor([0.25, 0.5, 1, 1, 2, 4]).double()
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    matrix = rotation * scales
    normal = MultivariateNormal(torch.zeros(6).double(), matrix @ matrix.T)
    found = linear(matrix).log_likelihood(x)
    torch.testing.assert_close(found, normal.log_prob(x.flatten(1)))
    # by hand: the scales' product is 1, and at 0 nothing but the constant is left
    origin = linear(matrix).log_likelihood(torch.zeros_like(x))
    assert origin.tolist() == pytest.approx([-5.513631199228036] * 4)


def test_orthogonal_columns_cost_nothing_and_others_the_logarithm_of_the_sine():
    batch = Batch(*[torch.randn(4, 2, 3, dtype=torch.float64)] * 2)
    matrix = torch.linspace(0.5, 3, 6).double().diag()
    assert linear(matrix).terms(batch, STEP, {})["angles"].item() == pytest.approx(0, abs=1e-12)
    matrix[:2, 1] = 5 * torch.tensor([math.cos(0.3), math.sin(0.3)])
    lost = linear(matrix).terms(batch, STEP, {})["angles"].item()
    assert lost == pytest.approx(-math.log(math.sin(0.3)))


def test_the_density_of_a_whole_flow_integrates_to_one():
    torch.manual_seed(3)
    encoder, decoder = coupling_flow((2,), 2, 2, num_layers=3, width=5)
    model = flow(latent_dim=6)
    model.encoder, model.decoder, model.image_shape = encoder.double(), decoder, (2,)
    axis = torch.linspace(-12, 12, 161, dtype=torch.float64)
    density = model.log_likelihood(torch.cartesian_prod(axis, axis)).exp()
    assert (density.sum() * (axis[1] - axis[0]) ** 2).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("latents", "numbers", "told"), [(7, 7, "7 latents of 7"), (2, 4, "of 4")])
def test_codes_that_no_flow_has_are_refused(latents, numbers, told):
    with pytest.raises(ConfigError, match=rf"observations \[2, 3\] takes at most 6 .*{told}"):
        coupling_flow((2, 3), numbers, latents)


def test_turned_codes_have_the_same_likelihood_and_only_principal_axes_cost_nothing():
    """x = U diag(s) R z is the same normal distribution for every rotation R of the codes."""
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    axes = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    scales = torch.tensor([3, 1, 1, 1, 1, 1]).double()
    likelihoods, prices = [], []
    for turn in torch.linspace(0, math.pi / 2, 7).tolist():
        rotation = torch.eye(6).double()
        cos, sin = math.cos(turn), math.sin(turn)
        rotation[:2, :2] = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
        model = linear(axes * scales @ rotation)
        likelihoods.append(model.log_likelihood(x))
        prices.append(model.terms(Batch(x, x), STEP, {})["angles"].item())
        squares = [math.hypot(3 * cos, sin), math.hypot(3 * sin, cos)]
        assert prices[-1] == pytest.approx(math.log(squares[0] * squares[1] / 3), abs=1e-12)
    torch.testing.assert_close(torch.stack(likelihoods), likelihoods[0].expand(7, 4))
    assert [number for number, price in enumerate(prices) if price < 1e-6] == [0, 6]


@pytest.mark.slow
def test_training_finds_the_principal_axes():
    data = SyntheticLinearDataModule(num_points=4000)
    data.setup("fit")
    points = data.dataset.images_at(torch.arange(4000), torch.zeros(4000))
    torch.manual_seed(0)
    gaussian, adam = Gaussian(), partial(torch.optim.Adam, lr=5e-3)
    parts = Parts((3,), mlp, Point, gaussian, adam, latent_dim=2)
    model = PrincipalFlow(parts, num_layers=2, width=16)
    optimizer = model.configure_optimizers()
    for step in range(400):
        rows = torch.randint(len(points), (64,))
        batch = Batch(points[rows], points[rows])
        optimizer.zero_grad()
        model.loss(model.terms(batch, step, {}), step).backward()
        optimizer.step()
    z = model.encode(points[:200]).mean.detach()
    columns = decoder_jacobian(model.decode, z)
    cosines = torch.stack([axis_cosines(one, data.dataset.mixing) for one in columns])
    assert cosines.mean(0).min() > 0.95
