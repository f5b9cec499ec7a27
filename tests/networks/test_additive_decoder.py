"""Additive decoders: latents of different blocks do not interact, those of one block do."""

from functools import partial

import pytest
import torch
from torch.func import hessian

from vaescope.networks import additive, linear, mlp

SMALL = partial(mlp, encoder_sizes=(6,), decoder_sizes=(8, 7))


def made(block_size, latent_dim=5, of=SMALL):
    torch.manual_seed(0)
    networks = additive((2, 3), 2 * latent_dim, latent_dim, of=of, block_size=block_size)
    return tuple(network.double() for network in networks)


@pytest.mark.parametrize("block_size", [1, 2, 5])
def test_mixed_second_derivatives_are_zero_across_blocks_and_only_there(block_size):
    _, decoder = made(block_size)
    z = torch.randn(5, dtype=torch.float64)
    curvature = hessian(lambda code: decoder(code[None])[0].flatten())(z)  # [X, D, D]
    block = torch.arange(5) // block_size
    apart = block[:, None] != block[None, :]
    assert curvature[:, apart].eq(0).all()
    assert curvature[:, ~apart].abs().amax(0).gt(1e-6).all()


def test_the_output_is_the_sum_of_the_blocks_decoders():
    encoder, decoder = made(2)
    z = torch.randn(4, 5, dtype=torch.float64)
    first, second, last = decoder.decoders
    expected = first(z[:, :2]) + second(z[:, 2:4]) + last(z[:, 4:])
    torch.testing.assert_close(decoder(z), expected)
    assert encoder(torch.rand(4, 2, 3).double()).shape == (4, 10)


def test_with_linear_decoders_it_is_one_linear_decoder():
    _, decoder = made(1, of=linear)
    z = torch.randn(4, 5, dtype=torch.float64)
    weight = torch.cat([block[0].weight for block in decoder.decoders], 1)
    bias = torch.stack([block[0].bias for block in decoder.decoders]).sum(0)
    torch.testing.assert_close(decoder(z).flatten(1), z @ weight.T + bias)


def test_a_block_of_no_latent_is_refused():
    with pytest.raises(ValueError, match="block_size=0: give an integer from 1"):
        made(0)
