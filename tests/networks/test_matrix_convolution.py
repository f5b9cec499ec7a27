"""Convolutions as matrix products are torch's own, forward and backward, alone and stacked."""

import copy

import pytest
import torch
from torch import nn

from vaescope.networks import conv64
from vaescope.networks.matrix_convolution import use_matrix_products

LAYERS = {
    "strided": nn.Conv2d(2, 3, 4, stride=2, padding=1),
    "2x2": nn.Conv2d(2, 3, 2, stride=2),
    "same": nn.Conv2d(2, 3, 3, padding=1, bias=False),
    "oblong": nn.Conv2d(2, 3, (2, 3), stride=(1, 2), padding=(0, 1)),
    "transposed": nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1),
    "transposed, no overlap": nn.ConvTranspose2d(2, 3, 2, stride=2, bias=False),
    "transposed, oblong": nn.ConvTranspose2d(2, 3, (2, 3), stride=(1, 2), padding=(0, 1)),
    "transposed, to odd sizes": nn.ConvTranspose2d(
        2, 3, (4, 3), (2, 1), padding=1, output_padding=(1, 0)
    ),
}


def gradients(network, image):
    made = network(image)
    made.square().sum().backward()
    return [made.detach(), image.grad, *(weights.grad for weights in network.parameters())]


@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_torch(name):
    layer = copy.deepcopy(LAYERS[name]).double()
    twin = copy.deepcopy(layer)
    assert use_matrix_products(twin) == 1
    assert type(twin) is not type(layer)
    images = [torch.randn(5, 2, 6, 8, dtype=torch.float64)]
    images.append(images[0].clone())
    pairs = zip((layer, twin), images, strict=True)
    found = [gradients(one, image.requires_grad_()) for one, image in pairs]
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_the_default_networks_are_wholly_changed():
    encoder, decoder = conv64((1, 64, 64), num_parameters=4, latent_dim=2)
    assert use_matrix_products(nn.Sequential(encoder, decoder)) == 8
    assert use_matrix_products(nn.Sequential(encoder, decoder)) == 0


def test_what_is_no_plain_convolution_stays():
    others = [
        *(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 2, 3, dilation=2)),
        *(
            nn.Conv2d(2, 2, 3, padding="same"),
            nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
        ),
        nn.ConvTranspose2d(2, 2, 3, dilation=2, output_padding=1),
    ]
    assert use_matrix_products(nn.Sequential(*others)) == 0
