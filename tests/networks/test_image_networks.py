"""Networks for images: sizes counted from the papers' tables, and what each is there for."""

import inspect
import re
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacfwd, jacrev, stack_module_state, vmap

from vaescope import networks
from vaescope.networks import (
    burgess64,
    conv,
    conv64,
    discriminator,
    spatial_broadcast,
    wide_residual,
)
from vaescope.networks.sizes import fitting
from vaescope.networks.wide_resnet import ResidualBlock

FACTORIES = {
    name: value
    for name, value in vars(networks).items()
    if inspect.isfunction(value)
    and {"image_shape", "initialisation"} <= inspect.signature(value).parameters.keys()
}
SMALL = {"channels": 4, "width": 16, "num_blocks": 1}


def small(factory, shape, num_parameters, latent_dim):
    """A network with few weights, where it has options for that."""
    takes = inspect.signature(factory).parameters
    options = {name: value for name, value in SMALL.items() if name in takes}
    return factory(shape, num_parameters, latent_dim, **options)


def size(module):
    return sum(p.numel() for p in module.parameters())


def convolution(inputs, outputs, kernel):
    return inputs * outputs * kernel**2 + outputs


def dense(inputs, outputs):
    return inputs * outputs + outputs


# counts


@pytest.mark.parametrize("colours", [1, 3])
def test_burgess64_has_the_papers_layers(colours):
    encoder, decoder = burgess64((colours, 64, 64), 20, 10)
    strided = convolution(colours, 32, 4) + 3 * convolution(32, 32, 4)
    assert size(encoder) == strided + dense(512, 256) + dense(256, 256) + dense(256, 20)
    mirrored = 3 * convolution(32, 32, 4) + convolution(32, colours, 4)
    assert size(decoder) == dense(10, 256) + dense(256, 256) + dense(256, 512) + mirrored


def test_burgess64_in_numbers():
    assert [size(m) for m in burgess64((1, 64, 64), 20, 10)] == [252_052, 249_953]


@pytest.mark.parametrize("colours", [1, 3])
def test_spatial_broadcast_has_the_papers_layers(colours):
    encoder, decoder = spatial_broadcast((colours, 64, 64), 20, 10)
    strided = convolution(colours, 64, 4) + 3 * convolution(64, 64, 4)
    assert size(encoder) == strided + dense(1024, 256) + dense(256, 20)
    hidden = convolution(10 + 2, 64, 4) + convolution(64, 64, 4)
    assert size(decoder) == hidden + convolution(64, colours, 4)


@pytest.mark.parametrize(("side", "layers_of_encoder", "left"), [(8, 3, 1), (16, 4, 1), (28, 4, 1)])
def test_spatial_broadcast_of_other_sizes_and_options(side, layers_of_encoder, left):
    encoder, decoder = spatial_broadcast(
        (1, side, side), 4, 2, num_layers=5, channels=6, kernel_size=3
    )
    strided = convolution(1, 6, 4) + (layers_of_encoder - 1) * convolution(6, 6, 4)
    assert size(encoder) == strided + dense(6 * left**2, 256) + dense(256, 4)
    hidden = convolution(4, 6, 3) + 3 * convolution(6, 6, 3)
    assert size(decoder) == hidden + convolution(6, 1, 3)


@pytest.mark.parametrize(("width", "num_blocks"), [(32, 2), (16, 1)])
def test_wide_residual_doubles_its_channels_at_every_halving(width, num_blocks):
    def blocks(channels):
        return num_blocks * (2 * convolution(channels, channels, 3) + 4 * channels)

    encoder, decoder = wide_residual((3, 64, 64), 20, 10, width=width, num_blocks=num_blocks)
    w = width
    halved = sum(blocks(c) + convolution(c, 2 * c, 2) for c in (w, 2 * w, 4 * w, 8 * w))
    ends = convolution(3, w, 3) + 2 * 16 * w + dense(16 * w * 4 * 4, 20)
    assert size(encoder) == halved + ends
    doubled = sum(blocks(c) + convolution(c, c // 2, 3) for c in (16 * w, 8 * w, 4 * w, 2 * w))
    assert size(decoder) == doubled + dense(10, 16 * w * 4 * 4) + 2 * w + convolution(w, 3, 3)


@pytest.mark.parametrize("colours", [1, 3])
def test_conv_at_64_is_conv64_but_for_two_kernels(colours):
    encoder, decoder = conv((colours, 64, 64), 20, 10)
    encoder_64, decoder_64 = conv64((colours, 64, 64), 20, 10)
    assert str(decoder) == str(decoder_64)
    larger = (convolution(32, 64, 4), convolution(64, 64, 4))
    smaller = (convolution(32, 64, 2), convolution(64, 64, 2))
    assert size(encoder) == size(encoder_64) + sum(larger) - sum(smaller)


def test_discriminator_is_six_leaky_layers_of_1000():
    network = discriminator(10)
    assert size(network) == 5_018_002
    assert size(network) == dense(10, 1000) + 5 * dense(1000, 1000) + dense(1000, 2)
    leaky = [m for m in network if isinstance(m, nn.LeakyReLU)]
    assert [m.negative_slope for m in leaky] == [0.2] * 6
    assert network(torch.randn(7, 10)).shape == (7, 2)


# shapes and errors


@pytest.mark.parametrize(
    ("factory", "side"),
    [
        *product([burgess64], [64]),
        *product([spatial_broadcast], [8, 15, 16, 28, 33, 64, 96]),
        *product([wide_residual], [8, 10, 28, 32, 48, 64, 96, 128]),
    ],
)
@pytest.mark.parametrize(("colours", "num_parameters", "latent_dim"), [(1, 2, 1), (3, 9, 3)])
def test_images_become_parameters_and_codes_images(
    factory, side, colours, num_parameters, latent_dim
):
    shape = (colours, side, side)
    encoder, decoder = small(factory, shape, num_parameters, latent_dim)
    assert encoder(torch.rand(2, *shape)).shape == (2, num_parameters)
    assert decoder(torch.randn(2, latent_dim)).shape == (2, *shape)


@pytest.mark.parametrize(
    ("factory", "shape", "message"),
    [
        (burgess64, (1, 32, 32), r"takes images \[C, 64, 64\], this data set has \[1, 32, 32\]"),
        (burgess64, (6,), r"takes images \[C, 64, 64\], this data set has \[6\]"),
        (spatial_broadcast, (1, 64, 32), r"square images .* this data set has \[1, 64, 32\]"),
        (spatial_broadcast, (1, 7, 7), r"at least 8 x 8, this data set has \[1, 7, 7\]"),
        (spatial_broadcast, (64, 64), r"square images .* this data set has \[64, 64\]"),
        (wide_residual, (1, 64, 32), r"square images .* this data set has \[1, 64, 32\]"),
        (wide_residual, (1, 33, 33), r"S = 4, 5, 6 or 7 times 2.* has \[1, 33, 33\]"),
        (wide_residual, (1, 4, 4), r"S = 4, 5, 6 or 7 times 2.* has \[1, 4, 4\]"),
        (conv, (1, 15, 64), r"from 16 to 256, this data set has \[1, 15, 64\]"),
        (conv, (1, 64, 257), r"from 16 to 256, this data set has \[1, 64, 257\]"),
        (conv, (64, 64), r"from 16 to 256, this data set has \[64, 64\]"),
        (wide_residual, (6,), r"square images .* this data set has \[6\]"),
    ],
)
def test_other_images_are_refused(factory, shape, message):
    with pytest.raises(ValueError, match=message):
        factory(shape, 20, 10)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 32, 32), {"conv", "linear", "mlp", "spatial_broadcast", "wide_residual"}),
        ((2, 33, 33), {"conv", "linear", "mlp", "spatial_broadcast"}),
        ((1, 48, 64), {"conv", "linear", "mlp"}),
        ((1, 4, 4), {"linear", "mlp"}),
        ((7,), {"linear", "mlp"}),
        ((5, 64, 64), set(FACTORIES)),
    ],
)
def test_a_refusal_names_the_networks_that_take_the_images(shape, expected):
    assert set(fitting(shape)) == expected
    for name in expected:
        encoder, decoder = small(FACTORIES[name], shape, 4, 2)
        assert encoder(torch.zeros(1, *shape)).shape == (1, 4)
        assert decoder(torch.zeros(1, 2)).shape == (1, *shape)
    for name in set(FACTORIES) - expected:
        with pytest.raises(ValueError, match=f"network {name} takes") as refusal:
            small(FACTORIES[name], shape, 4, 2)
        assert set(re.findall(r"network=(\w+)", str(refusal.value))) == expected
        assert ("data.size=64" in str(refusal.value)) == (len(shape) == 3)


def test_a_network_keeps_its_name_and_signature():
    assert list(FACTORIES) == [factory.__name__ for factory in FACTORIES.values()]
    for factory in FACTORIES.values():
        options = list(inspect.signature(factory).parameters)
        assert options[:3] == ["image_shape", "num_parameters", "latent_dim"]


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        (spatial_broadcast, {"num_layers": 0}, "num_layers=0: give an integer from 1"),
        (spatial_broadcast, {"channels": 0}, "channels=0: give an integer from 1"),
        (spatial_broadcast, {"kernel_size": 0}, "kernel_size=0: give an integer from 1"),
        (wide_residual, {"width": 24}, "width=24: a multiple of 16"),
        (wide_residual, {"width": 0}, "width=0: give an integer from 1"),
        (wide_residual, {"num_blocks": 0}, "num_blocks=0: give an integer from 1"),
        (discriminator, {"num_layers": 0}, "num_layers=0: give an integer from 1 to 100"),
    ],
)
def test_sizes_that_make_no_network_are_refused(factory, options, message):
    sizes = (10,) if factory is discriminator else ((1, 64, 64), 20, 10)
    with pytest.raises(ValueError, match=message):
        factory(*sizes, **options)


# images of any size


def of_any_size(test):
    """Sides at both ends, odd ones and oblong ones; 1 to 4 channels."""
    sides = [(16, 16), (256, 256), (16, 256), (17, 33), (31, 63), (128, 96), (255, 47), (65, 20)]
    shapes = [(1 + number % 4, *side) for number, side in enumerate(sides)]
    return pytest.mark.parametrize("shape", shapes, ids=str)(test)


@of_any_size
def test_conv_gives_images_of_the_size_that_it_takes(shape):
    encoder, decoder = conv(shape, 5, 2)
    assert encoder(torch.rand(2, *shape)).shape == (2, 5)
    assert decoder(torch.randn(2, 2)).shape == (2, *shape)


@of_any_size
def test_conv_sees_and_draws_every_pixel(shape):
    """Also the last rows and columns of odd sizes; the smallest map has 3 to 5 pixels a side."""
    encoder, decoder = conv(shape, 5, 2, initialisation="torch")
    for layer in encoder:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.constant_(layer.weight, 0.01)
    images = torch.rand(1, *shape, requires_grad=True)
    encoder(images).sum().backward()
    assert images.grad.ne(0).all()
    unflatten = next(layer for layer in decoder if isinstance(layer, nn.Unflatten))
    assert all(3 <= side <= 5 for side in unflatten.unflattened_size[1:])
    decoder = decoder.double()
    changed = decoder(torch.ones(1, 2).double()) - decoder(torch.zeros(1, 2).double())
    assert changed.ne(0).all()


# gradients, ensembles, Jacobians


@pytest.mark.parametrize("rule", ["glorot", "torch", "orthogonal"])
@pytest.mark.parametrize("factory", [burgess64, conv, spatial_broadcast, wide_residual])
def test_gradients_reach_every_weight(factory, rule):
    torch.manual_seed(0)
    encoder, decoder = factory((1, 64, 64), 20, 10, initialisation=rule)
    images = torch.rand(2, 1, 64, 64)
    (
        F.mse_loss(decoder(encoder(images)[:, :10]), images) + encoder(images).square().sum()
    ).backward()
    for module in (encoder, decoder):
        dead = [name for name, p in module.named_parameters() if not p.grad.any()]
        assert dead == []


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_members_stacked_are_members_alone(factory):
    """No state besides weights, and every layer can be batched over members."""
    torch.manual_seed(0)
    for inputs, part in ((torch.rand(2, 3, 1, 64, 64), 0), (torch.randn(2, 3, 4), 1)):
        members = [small(factory, (1, 64, 64), 8, 4)[part] for _ in range(2)]
        assert not list(members[0].buffers())
        weights, _ = stack_module_state(members)

        def run(weights, x, network=members[0]):
            return functional_call(network, weights, (x,))

        together = vmap(run)(weights, inputs)
        alone = torch.stack([member(x) for member, x in zip(members, inputs, strict=True)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factory", [conv, spatial_broadcast, wide_residual])
def test_jacobians_in_forward_and_reverse_mode_agree(factory):
    torch.manual_seed(0)
    decoder = small(factory, (1, 16, 16), 8, 4)[1].double()
    z = torch.randn(4, dtype=torch.float64)

    def decode(z):
        return decoder(z[None])[0]

    forward = jacfwd(decode)(z)
    torch.testing.assert_close(forward, jacrev(decode)(z))
    step = 1e-6 * torch.eye(4, dtype=torch.float64)[0]
    numeric = (decode(z + step) - decode(z - step)) / 2e-6
    torch.testing.assert_close(forward[..., 0], numeric, rtol=1e-5, atol=1e-7)
    decoder.to(memory_format=torch.channels_last)
    torch.testing.assert_close(jacfwd(decode)(z), forward)


# residual blocks


def by_hand(x, norm):
    """Group normalisation of 16 channels, each image by itself."""
    groups = x.unflatten(1, (-1, 16))
    centred = groups - groups.mean((2, 3, 4), keepdim=True)
    variance = centred.square().mean((2, 3, 4), keepdim=True)
    normalised = (centred / (variance + 1e-5).sqrt()).flatten(1, 2)
    return normalised * norm.weight[:, None, None] + norm.bias[:, None, None]


def test_residual_block_is_its_input_and_two_normalised_convolutions():
    torch.manual_seed(0)
    block = ResidualBlock(32)
    for p in block.parameters():
        nn.init.normal_(p, std=0.3)
    first, _, conv_1, second, _, conv_2 = block.body
    x = torch.randn(3, 32, 6, 6)
    hidden = F.conv2d(by_hand(x, first).relu(), conv_1.weight, conv_1.bias, padding=1)
    hidden = F.conv2d(by_hand(hidden, second).relu(), conv_2.weight, conv_2.bias, padding=1)
    torch.testing.assert_close(block(x), x + hidden, rtol=1e-4, atol=1e-4)


def test_residual_decoder_enlarges_by_repeating_pixels():
    """If every kernel sees its own pixel alone, the 8 x 8 pixels of one feature are equal."""
    _, decoder = wide_residual((1, 32, 32), 4, 2, width=16, num_blocks=1)
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, nn.Conv2d):
                centre = module.weight[:, :, 1, 1].clone()
                module.weight.zero_()
                module.weight[:, :, 1, 1] = centre
    image = decoder(torch.randn(1, 2))[0, 0]
    blocks = image.unflatten(0, (4, 8)).unflatten(2, (4, 8))
    assert blocks.std((1, 3)).max() < 1e-5
    assert blocks[:, 0, :, 0].std() > 1e-3
