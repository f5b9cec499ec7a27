"""Fully connected encoders and decoders, and the discriminator of FactorVAE."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn

from vaescope.networks.initial_weights import Initialisation, initialise
from vaescope.networks.sizes import takes
from vaescope.ranges import Depth, Width, in_range

Activation = Literal["relu", "tanh"]
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


@takes("anything", lambda shape: True)
@in_range
def mlp(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    encoder_sizes: Sequence[Width] = (1200, 1200),
    encoder_activation: Activation = "relu",
    decoder_sizes: Sequence[Width] = (1200, 1200, 1200),
    decoder_activation: Activation = "tanh",
    initialisation: Initialisation = "torch",
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of dense layers; the defaults are the CVPR 2019 paper's for dSprites.

    Args:
        encoder_sizes: widths of the encoder's hidden layers.
        encoder_activation: ``relu`` or ``tanh``, after each hidden layer.
        decoder_sizes: widths of the decoder's hidden layers.
        decoder_activation: ``relu`` or ``tanh``, after each hidden layer.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, table of
    architectures. Differs: the initialisation is not printed there; PyTorch's is our default.

    Example:
        >>> import torch
        >>> encoder, decoder = mlp((1, 8, 8), num_parameters=6, latent_dim=3)
        >>> decoder(encoder(torch.zeros(2, 1, 8, 8))[:, :3]).shape
        torch.Size([2, 1, 8, 8])
    """
    pixels = math.prod(image_shape)
    encoder = _dense(pixels, encoder_sizes, num_parameters, encoder_activation)
    decoder = _dense(latent_dim, decoder_sizes, pixels, decoder_activation)
    return (
        nn.Sequential(nn.Flatten(), *initialise(encoder, initialisation).children()),
        nn.Sequential(
            *initialise(decoder, initialisation).children(), nn.Unflatten(1, tuple(image_shape))
        ),
    )


@takes("anything", lambda shape: True)
def linear(
    image_shape: tuple[int, ...],
    num_parameters: int,
    latent_dim: int,
    *,
    initialisation: Initialisation = "torch",
) -> tuple[nn.Module, nn.Module]:
    """One affine map each way: the network for which the closed forms of PCA hold.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, synthetic linear
    experiment. Differs: the initialisation is not printed there; PyTorch's is our default.

    Example:
        >>> import torch
        >>> encoder, decoder = linear((5,), num_parameters=4, latent_dim=2)
        >>> decoder(torch.zeros(1, 2)).shape
        torch.Size([1, 5])
    """
    sizes = (image_shape, num_parameters, latent_dim)
    return mlp(*sizes, encoder_sizes=(), decoder_sizes=(), initialisation=initialisation)


@in_range
def discriminator(
    latent_dim: int,
    *,
    num_layers: Depth = 6,
    width: Width = 1000,
    initialisation: Initialisation = "glorot",
) -> nn.Module:
    """FactorVAE's discriminator of codes: leaky dense layers and two logits.

    Args:
        latent_dim: D.
        num_layers: hidden layers.
        width: units of each.

    Returns:
        Network ``[B, D] -> [B, 2]``: logits of "from q(z)" and "from the product of marginals".

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, appendix B; six hidden layers as in
    disentanglement_lib. Differs: none.

    Example:
        >>> import torch
        >>> discriminator(10, num_layers=2, width=16)(torch.zeros(4, 10)).shape
        torch.Size([4, 2])
    """
    sizes = [latent_dim, *[width] * num_layers]
    layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return initialise(nn.Sequential(*layers, nn.Linear(width, 2)), initialisation)


def _dense(inputs: int, sizes: Sequence[int], outputs: int, activation: str) -> nn.Module:
    widths = [inputs, *sizes, outputs]
    kind = _ACTIVATIONS[activation]
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), kind())]
    return nn.Sequential(*layers[:-1])
