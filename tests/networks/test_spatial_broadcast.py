"""What the decoder that sees coordinates does with a code."""

import pytest
import torch
from torch import nn

from vaescope.networks import spatial_broadcast
from vaescope.networks.broadcast_decoder import Broadcast


def test_broadcast_tiles_the_code_beside_x_and_y():
    tiled = Broadcast(5)(torch.tensor([[0.3, -2.0], [1.0, 7.0]]))
    assert tiled.shape == (2, 4, 5, 5)
    assert tiled[1, 0].eq(1).all()
    assert tiled[1, 1].eq(7).all()
    line = torch.tensor([-1, -0.5, 0, 0.5, 1])
    assert torch.equal(tiled[0, 2], line.expand(5, 5))  # x grows to the right
    assert torch.equal(tiled[0, 3], line.expand(5, 5).T)  # y grows downwards


@pytest.mark.parametrize(("num_layers", "kernel_size"), [(3, 4), (2, 3), (4, 3), (1, 5)])
def test_without_coordinates_the_image_is_one_colour_but_for_its_border(num_layers, kernel_size):
    torch.manual_seed(0)
    _, decoder = spatial_broadcast(
        (3, 32, 32), 4, 2, num_layers=num_layers, channels=8, kernel_size=kernel_size
    )
    first = next(m for m in decoder if isinstance(m, nn.Conv2d))
    image = decoder(torch.randn(2, 2))
    border = num_layers * (kernel_size // 2)
    inside = (..., slice(border, -border), slice(border, -border))
    assert image[inside].flatten(2).std(-1).min() > 1e-3
    with torch.no_grad():
        first.weight[:, -2:] = 0
    image = decoder(torch.randn(2, 2))
    assert image[inside].flatten(2).std(-1).max() < 1e-5
    assert image.flatten(2).std(-1).min() > 1e-3  # zeros around the image are seen at its border


@pytest.mark.parametrize(("axis", "coordinate"), [(-1, -2), (-2, -1)], ids=["x", "y"])
@pytest.mark.parametrize("kernel_size", [3, 4])
def test_a_latent_that_is_read_as_a_coordinate_moves_the_image(axis, coordinate, kernel_size):
    torch.manual_seed(0)
    side, pixels = 32, 3
    _, decoder = spatial_broadcast((1, side, side), 2, 1, channels=8, kernel_size=kernel_size)
    first = next(m for m in decoder if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        first.weight[:, 0] = first.weight[:, coordinate]
        still = decoder(torch.zeros(1, 1))
        moved = decoder(torch.full((1, 1), pixels * 2 / (side - 1)))
    border = 3 * (kernel_size // 2) + pixels
    inside = (..., slice(border, -border), slice(border, -border))
    torch.testing.assert_close(
        moved[inside], still.roll(-pixels, axis)[inside], rtol=1e-4, atol=1e-5
    )
    assert not torch.allclose(moved[inside], still[inside], atol=1e-3)


@pytest.mark.parametrize(("kernel_size", "after"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_kernels_are_centred_and_even_ones_look_further_to_the_end(kernel_size, after):
    _, decoder = spatial_broadcast((1, 9, 9), 2, 1, num_layers=1, kernel_size=kernel_size)
    layer = next(m for m in decoder if isinstance(m, nn.Conv2d))
    line = torch.linspace(-1, 1, 9)
    for tap, shift in ((kernel_size - 1 - after, 0), (kernel_size - 1, after)):
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[0, 1, kernel_size - 1 - after, tap] = 1  # the channel of x
        expected = torch.cat((line[shift:], torch.zeros(shift)))
        torch.testing.assert_close(decoder(torch.randn(1, 1))[0, 0], expected.expand(9, 9))
