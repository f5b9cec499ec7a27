"""DIP-VAE: the covariance of the codes is pulled to the identity."""

from typing import Literal

import torch

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import NonNegative, in_range


class DIPVAE(LatentModel):
    """DIP-VAE: reconstruction + KL + lambda_od sum_{i!=j} C_ij^2 + lambda_d sum_i (C_ii - 1)^2.

    Args:
        kind: ``i``: C is the covariance of the posterior means; ``ii``: of the sampled codes,
            E[cov q(z|x)] + cov of the means.
        lambda_od: weight of the covariances, at least 0.
        lambda_d_factor: lambda_d / lambda_od, at least 0.

    Source: Kumar et al. 2018, https://arxiv.org/abs/1711.00848, eq. 6 and 7; defaults of Locatello
    et al. 2019, https://arxiv.org/abs/1811.12359. Differs: none; moments divide by the batch size.
    """

    of_whole_batch = "the covariance of codes"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        kind: Literal["i", "ii"] = "i",
        lambda_od: NonNegative = 5.0,
        lambda_d_factor: NonNegative = 10.0,
    ) -> None:
        super().__init__(parts)
        self.kind, self.lambda_od, self.lambda_d = kind, lambda_od, lambda_d_factor * lambda_od

    def weights(self, step: int) -> dict[str, float]:
        return {"off_diagonal": self.lambda_od, "diagonal": self.lambda_d}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) + KL and the squared distances of C from the identity."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        centred = q.mean - q.mean.mean(0)
        covariance = (centred.unsqueeze(2) * centred.unsqueeze(1)).mean(0)  # in its own precision
        if self.kind == "ii":
            covariance = covariance + q.covariance.mean(0)
        diagonal = covariance.diagonal()
        off_diagonal = covariance - torch.diag_embed(diagonal)
        return self.elbo_terms(q, z, batch.image) | {
            "off_diagonal": off_diagonal.square().sum(),
            "diagonal": (diagonal - 1).square().sum(),
        }
