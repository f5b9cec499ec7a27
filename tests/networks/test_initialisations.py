"""Initial weights: orthogonal rows or columns, by every network, and what is left alone."""

import inspect

import pytest
import torch
from torch import nn

from vaescope import networks
from vaescope.networks import initialise

FACTORIES = {
    name: value
    for name, value in vars(networks).items()
    if inspect.isfunction(value)
    and {"image_shape", "initialisation"} <= inspect.signature(value).parameters.keys()
}
LINEAR_OR_CONVOLUTIONAL = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def layers(module):
    return [m for m in module.modules() if isinstance(m, LINEAR_OR_CONVOLUTIONAL)]


@pytest.mark.parametrize(
    "layer",
    [
        *(nn.Linear(7, 4), nn.Linear(4, 7)),
        *(nn.Conv2d(3, 5, 4), nn.Conv2d(2, 9, 2)),
        *(nn.ConvTranspose2d(5, 3, 4), nn.ConvTranspose2d(9, 2, 2)),
    ],
    ids=["wide", "tall", "kernel_wide", "kernel_tall", "transposed_wide", "transposed_tall"],
)
def test_orthogonal_weights_keep_lengths_on_the_shorter_side(layer):
    weights = initialise(layer, "orthogonal").weight.flatten(1)
    short = weights if weights.shape[0] <= weights.shape[1] else weights.T
    torch.testing.assert_close(short @ short.T, torch.eye(len(short)), atol=1e-5, rtol=0)
    assert not layer.bias.any()


def test_a_deep_orthogonal_linear_network_neither_shrinks_nor_grows_its_input():
    """Saxe et al.'s dynamical isometry; Glorot's uniform weights do not have it."""
    torch.manual_seed(0)
    x = torch.randn(5, 30)
    gains = {}
    for rule in ("orthogonal", "glorot"):
        network = nn.Sequential(*(nn.Linear(30, 30) for _ in range(40)))
        singular = torch.linalg.svdvals(torch.func.jacrev(initialise(network, rule))(x[0]).detach())
        gains[rule] = (singular.min().item(), singular.max().item())
    assert gains["orthogonal"] == pytest.approx((1, 1), abs=1e-3)
    assert gains["glorot"][0] < 1e-3


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_every_network_can_be_orthogonal(factory):
    for module in factory((1, 64, 64), 6, 3, initialisation="orthogonal"):
        assert layers(module)
        for layer in layers(module):
            weights = layer.weight.detach().flatten(1)
            short = weights if weights.shape[0] <= weights.shape[1] else weights.T
            torch.testing.assert_close(short @ short.T, torch.eye(len(short)), atol=1e-4, rtol=0)
            assert not layer.bias.any()


@pytest.mark.parametrize("rule", ["glorot", "orthogonal", "torch"])
def test_layers_that_normalise_keep_scale_one_and_shift_zero(rule):
    network = nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3), nn.LayerNorm([4, 3, 3]))
    before = network[1].weight.clone()
    initialise(network, rule)
    assert torch.equal(network[1].weight, before) == (rule == "torch")
    for norm in (network[0], network[2]):
        assert norm.weight.eq(1).all()
        assert norm.bias.eq(0).all()


def test_orthogonal_weights_follow_torchs_generator():
    def weights(seed):
        torch.manual_seed(seed)
        return initialise(nn.Linear(5, 5), "orthogonal").weight

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))
