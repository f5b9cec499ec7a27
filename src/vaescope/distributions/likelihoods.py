"""Reconstruction losses -log p(x|z): what a decoder's output means.

Every loss is **summed over the observation's dimensions** and left per image, so that a method
averages it over the batch; the KL is summed over latents. A value of beta means something only
together with these reductions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vaescope.errors import ConfigError
from vaescope.ranges import Positive, in_range

_LEAST_PROBABILITY = 0.01
_ROUNDING = 1e-5


class Bernoulli:
    """Pixels are coins with the decoder's output as logits; the loss is in nats per image.

    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359, "Bernoulli loss on logits".
    Differs: none.

    Example:
        >>> round(Bernoulli().nll(torch.zeros(1, 2), torch.ones(1, 2)).item(), 3)  # twice log 2
        1.386
    """

    def nll(self, output: Tensor, image: Tensor) -> Tensor:
        """-log p(x|z) in nats summed over an image ``[B, ...]`` with values in [0, 1], ``[B]``."""
        loss = F.binary_cross_entropy_with_logits(output, image, reduction="none")
        return loss.flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        """Expected image, probabilities in [0, 1], of the shape of ``output``."""
        return output.sigmoid()

    def pixel_metric(self, output: Tensor) -> Tensor:
        """Squared derivative of the expected image by ``output``, (p (1 - p))^2, same shape.

        As a metric it turns the Jacobian of ``output`` into that of the expected image.
        """
        p = output.sigmoid()
        return (p * (1 - p)).square()

    def curvature(self, output: Tensor) -> Tensor:
        """Second derivative of the loss by each entry of ``output``: p (1 - p), same shape."""
        p = output.sigmoid()
        return p * (1 - p)

    def mean_curvature(self, mean: Tensor) -> Tensor:
        """Second derivative of the loss by each entry of the expected image, same shape.

        1 / (p (1 - p)) where the expected image p is what images are on average; infinite at 0 and
        1, which no decoder reaches, and therefore at most 1 / (0.01 * 0.99): as if p were 0.01.

        Raises:
            ConfigError: the images cannot be expected ones, being outside of [0, 1].

        Example:
            >>> Bernoulli().mean_curvature(torch.tensor([0.5, 0.0])).round(decimals=1).tolist()
            [4.0, 101.0]
        """
        low, high = (float(bound) for bound in mean.aminmax())
        if not -_ROUNDING <= low <= high <= 1 + _ROUNDING:
            raise ConfigError(
                f"observations from {low:.4g} to {high:.4g} were given, but a Bernoulli likelihood "
                "has them in [0, 1]; choose likelihood=gaussian"
            )
        p = mean.clamp(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
        return 1 / (p * (1 - p))


class Gaussian:
    """The decoder's output is the mean of a Gaussian of fixed variance.

    With the default variance 1/2 the loss is the squared error ||x - x_hat||^2, summed over
    dimensions, as in the CVPR 2019 paper; a beta-VAE then has noise variance beta / 2. Constants
    that depend on the variance alone are left out.

    Args:
        variance: of each observed dimension, greater than 0.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, section 3.
    Differs: the variance is an option.

    Example:
        >>> Gaussian().nll(torch.zeros(1, 2), torch.ones(1, 2)).tolist()
        [2.0]
    """

    @in_range
    def __init__(self, variance: Positive = 0.5) -> None:
        self.variance = variance

    def nll(self, output: Tensor, image: Tensor) -> Tensor:
        """||x - x_hat||^2 / (2 variance), summed over dimensions ``[B, ...]``, ``[B]``."""
        return (image - output).square().flatten(1).sum(1) / (2 * self.variance)

    def mean(self, output: Tensor) -> Tensor:
        """Expected observation: ``output`` itself."""
        return output

    def pixel_metric(self, output: Tensor) -> Tensor:
        """Squared derivative of the expected observation by ``output``: 1, same shape."""
        return torch.ones_like(output)

    def curvature(self, output: Tensor) -> Tensor:
        """Second derivative of the loss by each entry of ``output``: 1 / variance, same shape."""
        return torch.full_like(output, 1 / self.variance)

    def mean_curvature(self, mean: Tensor) -> Tensor:
        """Second derivative of the loss by each entry of the expected observation, same shape."""
        return self.curvature(mean)


Likelihood = Bernoulli | Gaussian
