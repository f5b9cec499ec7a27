"""Regularised autoencoder: a deterministic surrogate of the VAE, the best posterior put in."""

from typing import Literal

import torch

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.jacobian import gram, jacobian_columns
from vaescope.ranges import Positive, in_range


class RegularisedAutoencoder(LatentModel):
    """Deterministic surrogate: -log p(x|g(h)) + beta/2 (|h|^2 + log det(I + J^T H J / beta)).

    J is the decoder's Jacobian at the code h of x, H the curvature of -log p(x|.) at its output.

    Args:
        beta: weight of the regulariser, greater than 0.
        family: of the posterior that was put in: ``full``, or ``diagonal``, whose determinant is
            that of the diagonal alone and which therefore prefers orthogonal columns.

    Source: Kumar & Poole 2020, https://arxiv.org/abs/2002.00041, eq. 11 to 14. Differs: the
    determinant is computed exactly from the whole Jacobian, where the paper estimates its trace.
    """

    posteriors = (Point,)
    only_these = "the posterior has been put in already"
    any_prior = False

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: Positive = 4.0,
        family: Literal["diagonal", "full"] = "diagonal",
    ) -> None:
        super().__init__(parts)
        self.beta, self.family = beta, family

    def weights(self, step: int) -> dict[str, float]:
        return {"code": self.beta, "log_determinant": self.beta}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|g(h)), half the squared norm of the code and half the log-determinant."""
        h = self.encode(batch.image).mean
        output, columns = jacobian_columns(self.decode, h)
        precision = gram(columns, self.likelihood.curvature(output)) / self.beta
        precision = precision + torch.eye(h.shape[-1], dtype=h.dtype, device=h.device)
        if self.family == "full":
            log_det = 2 * torch.linalg.cholesky(precision).diagonal(dim1=1, dim2=2).log().sum(1)
        else:
            log_det = precision.diagonal(dim1=1, dim2=2).log().sum(1)
        return {
            "reconstruction": self.nll(h, batch.image),
            "code": 0.5 * h.square().sum(1).mean(),
            "log_determinant": 0.5 * log_det.mean(),
        }
