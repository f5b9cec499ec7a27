"""Sigma-VAE: the decoder has a variance of its own."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import Positive, in_range


class SigmaVAE(LatentModel):
    """sigma-VAE: X/2 log(2 pi sigma^2) + |x - x_hat|^2 / (2 sigma^2) + KL, sigma shared by pixels.

    Args:
        parts: of the likelihood only the expected image is used.
        variance: sigma^2: ``optimal``, the batch's mean squared error; ``learned``, a weight of the
            model, 1 at first; or a number greater than 0.

    Source: Rybkin, Daniilidis & Levine 2021, https://arxiv.org/abs/2006.13202, eq. 4 and 6.
    Differs: none; log sigma is kept above -6 softly, as in the published code.
    """

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        variance: Literal["optimal", "learned"] | Positive = "optimal",
    ) -> None:
        super().__init__(parts)
        self.variance = variance
        self.of_whole_batch = "the mean squared error" if variance == "optimal" else ""
        if variance == "learned":
            self.log_sigma = nn.Parameter(torch.zeros(()))

    def beta_at(self, step: int) -> float | None:
        """1 with a fixed variance; with a moving one the KL has no weight that could be told."""
        return None

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log N(x; x_hat, sigma^2 I) + KL(q(z|x) || p(z)), z drawn from q."""
        image = batch.image
        q = self.encode(image)
        error = (image - self.decode_mean(q.rsample(noise["z"]))).square()
        log_sigma = self._log_sigma(error.mean())
        squared = error.flatten(1).sum(1) / (2 * (2 * log_sigma).exp())
        constant = image[0].numel() * (log_sigma + 0.5 * math.log(2 * math.pi))
        return {"reconstruction": (squared + constant).mean(), "kl": self.kl(q).sum(-1).mean()}

    def _log_sigma(self, mean_squared_error: Tensor) -> Tensor:
        if self.variance == "optimal":
            log_sigma = 0.5 * mean_squared_error.log()
        elif self.variance == "learned":
            log_sigma = self.log_sigma
        else:
            return mean_squared_error.new_full((), 0.5 * math.log(float(self.variance)))
        return _LOWEST + nn.functional.softplus(log_sigma - _LOWEST)


_LOWEST = -6.0
