"""Discriminator of pairs of images, told in what the two differ."""

import torch
from torch import Tensor, nn

from vaescope.networks.initial_weights import Initialisation, initialise


class PairDiscriminator(nn.Module):
    """Logit of a pair of images being a real one, given what changed between them.

    The images' features, side by side, pass two layers to h; the logit is u^T h + (W y)^T h, y
    the conditions.

    Args:
        features: network of one image ``[B, *image_shape] -> [B, width]``.
        width: units of each layer.
        num_conditions: entries of y.

    Source: Shu et al. 2020, https://arxiv.org/abs/1910.09772, and its published code. Differs: no
    spectral normalisation, whose state could not be batched, and y says for each latent whether it
    changed, where it is the number of the shared factor there.

    Example:
        >>> judge = PairDiscriminator(nn.Linear(5, 8), width=8, num_conditions=3)
        >>> judge(torch.zeros(2, 5), torch.zeros(2, 5), torch.ones(2, 3)).shape
        torch.Size([2])
    """

    def __init__(
        self,
        features: nn.Module,
        width: int,
        num_conditions: int,
        initialisation: Initialisation = "glorot",
    ) -> None:
        super().__init__()
        slope = 0.2
        neck = nn.Sequential(
            nn.LeakyReLU(slope),
            nn.Linear(2 * width, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, width),
            nn.LeakyReLU(slope),
        )
        self.features, self.neck = features, initialise(neck, initialisation)
        self.head = nn.Linear(width, 1, bias=False)
        self.condition = nn.Linear(num_conditions, width, bias=False)

    def forward(self, image: Tensor, other: Tensor, condition: Tensor) -> Tensor:
        """Images ``[B, ...]``, their partners and y ``[B, num_conditions]`` to logits ``[B]``."""
        both = self.features(torch.cat([image, other])).unflatten(0, (2, -1)).transpose(0, 1)
        h = self.neck(both.flatten(1))
        return self.head(h)[:, 0] + (self.condition(condition) * h).sum(-1)
