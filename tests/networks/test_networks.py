"""Sizes of the published networks, and what every network has to do."""

import inspect
import math

import pytest
import torch
from torch import nn

from vaescope import networks
from vaescope.networks import conv64, initialise, linear, mlp

FACTORIES = {
    name: value
    for name, value in vars(networks).items()
    if inspect.isfunction(value)
    and {"image_shape", "initialisation"} <= inspect.signature(value).parameters.keys()
}
SHAPES = [(1, 64, 64), (3, 64, 64), (6,)]


def size(module):
    return sum(p.numel() for p in module.parameters())


def layers(module):
    return [
        m for m in module.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    ]


def fitting(factory):
    """The shapes of ``SHAPES`` that this network takes."""
    for shape in SHAPES:
        try:
            yield shape, factory(shape, 20, 10)
        except ValueError as refusal:
            assert str(list(shape)) in str(refusal)  # noqa: PT017 a refusal names the shape


def test_there_are_networks():
    assert set(FACTORIES) >= {"conv64", "linear", "mlp"}


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_every_network_maps_images_to_parameters_and_codes_to_images(factory):
    fits = list(fitting(factory))
    assert fits
    for shape, (encoder, decoder) in fits:
        assert encoder(torch.rand(3, *shape)).shape == (3, 20)
        assert decoder(torch.randn(3, 10)).shape == (3, *shape)


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_rows_of_a_batch_do_not_see_each_other(factory):
    """No batch statistics: an ensemble member or an evaluation gives what training gives.

    In float64: kernels for one row and for four may add in another order.
    """
    for shape, pair in fitting(factory):
        encoder, decoder = (network.double() for network in pair)
        images, codes = torch.rand(4, *shape).double(), torch.randn(4, 10).double()
        close = {"rtol": 1e-10, "atol": 1e-10}
        torch.testing.assert_close(encoder(images)[1:2], encoder(images[1:2]), **close)
        torch.testing.assert_close(decoder(codes)[1:2], decoder(codes[1:2]), **close)


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_every_network_takes_every_initialisation_and_refuses_others(factory):
    shape, _ = next(fitting(factory))
    with pytest.raises(ValueError, match="initialisation='zeros': give one of 'glorot', 'torch'"):
        factory(shape, 20, 10, initialisation="zeros")
    for module in factory(shape, 20, 10, initialisation="glorot"):
        assert all(layer.bias.eq(0).all() for layer in layers(module))
    for module in factory(shape, 20, 10, initialisation="torch"):
        assert all(layer.bias.ne(0).any() for layer in layers(module))


@pytest.mark.parametrize(
    ("channels", "encoder_size", "decoder_size"),
    [(1, 309_204, 381_313), (3, 310_228, 382_339)],
)
def test_conv64_has_as_many_weights_as_in_disentanglement_lib(channels, encoder_size, decoder_size):
    encoder, decoder = conv64((channels, 64, 64), 20, 10)
    assert (size(encoder), size(decoder)) == (encoder_size, decoder_size)


def test_conv64_initial_weights_are_glorot_by_default():
    for layer in layers(nn.ModuleList(conv64((1, 64, 64), 20, 10))):
        field = math.prod(layer.weight.shape[2:])
        fans = (layer.weight.shape[0] + layer.weight.shape[1]) * field
        bound = math.sqrt(6 / fans)
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.95 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 64, 32), (64, 64), (6,)])
def test_conv64_refuses_other_images(shape):
    with pytest.raises(ValueError, match=r"takes images \[C, 64, 64\].*choose .*network=linear"):
        conv64(shape, 20, 10)


def test_mlp_sizes_and_activations_are_the_papers():
    encoder, decoder = mlp((1, 64, 64), 20, 10)
    assert [m.out_features for m in layers(encoder)] == [1200, 1200, 20]
    assert [m.out_features for m in layers(decoder)] == [1200, 1200, 1200, 4096]
    assert size(encoder) == 4096 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 20 + 20
    assert {type(m) for m in encoder} == {nn.Flatten, nn.Linear, nn.ReLU}
    assert {type(m) for m in decoder} == {nn.Linear, nn.Tanh, nn.Unflatten}


def test_mlp_is_dense_layers_with_the_activation_between():
    encoder, _ = mlp((2, 2), 3, 1, encoder_sizes=[5, 6], encoder_activation="tanh")
    (a, b, c), x = layers(encoder), torch.rand(7, 2, 2)
    expected = c(torch.tanh(b(torch.tanh(a(x.reshape(7, 4))))))
    torch.testing.assert_close(encoder(x), expected)


def test_linear_network_is_affine_without_hidden_layer():
    encoder, decoder = linear((2, 3), 4, 2)
    assert (size(encoder), size(decoder)) == (6 * 4 + 4, 2 * 6 + 6)
    for module, x in ((encoder, torch.rand(2, 2, 3)), (decoder, torch.randn(2, 2))):
        a, b = x
        mixed = module((0.3 * a + 0.7 * b)[None])[0]
        torch.testing.assert_close(mixed, 0.3 * module(x)[0] + 0.7 * module(x)[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder_activation": "gelu"}, "encoder_activation='gelu': give one of 'relu', 'tanh'"),
        ({"decoder_activation": "Tanh"}, "decoder_activation='Tanh': give one of 'relu', 'tanh'"),
        ({"encoder_sizes": [4, 0]}, r"encoder_sizes=\[4, 0\]: give a list, each an integer from 1"),
        ({"decoder_sizes": [-1]}, r"decoder_sizes=\[-1\]: give a list, each an integer from 1"),
    ],
)
def test_mlp_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp((6,), 4, 2, **arguments)


def test_initialise_keeps_the_module_and_follows_torchs_generator():
    def weights(seed):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Conv2d(1, 2, 3))
        assert initialise(network, "glorot") is network
        return torch.cat([p.flatten() for p in network.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
