"""Networks that judge codes."""

from itertools import pairwise

from torch import nn

from vaescope.networks.initial_weights import Initialisation, initialise


def discriminator(
    latent_dim: int,
    *,
    num_layers: int = 6,
    width: int = 1000,
    initialisation: Initialisation = "glorot",
) -> nn.Module:
    """FactorVAE's discriminator of codes: leaky dense layers and two logits.

    Args:
        latent_dim: D.
        num_layers: hidden layers, at least 1.
        width: units of each.
        initialisation: rule for the initial weights, see ``initialise``.

    Returns:
        Network ``[B, D] -> [B, 2]``: logits of "from q(z)" and "from the product of marginals".

    Raises:
        ValueError: if a size is below 1.

    Source: Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, appendix B; six hidden layers as in
    disentanglement_lib. Differs: none.

    Example:
        >>> import torch
        >>> discriminator(10, num_layers=2, width=16)(torch.zeros(4, 10)).shape
        torch.Size([4, 2])
    """
    if min(num_layers, width) < 1:
        raise ValueError(f"num_layers={num_layers}, width={width}: each is at least 1")
    sizes = [latent_dim, *[width] * num_layers]
    layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return initialise(nn.Sequential(*layers, nn.Linear(width, 2)), initialisation)
