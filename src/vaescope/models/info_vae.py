"""InfoVAE, MMD-VAE: maximum mean discrepancy between codes and prior."""

from torch import Tensor

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import Real, in_range


class InfoVAE(LatentModel):
    """InfoVAE: reconstruction + (1 - alpha) KL + (alpha + lambda - 1) MMD(q(z), p(z)).

    Args:
        alpha: weight of the mutual information, at most 1; 1 leaves the KL out (MMD-VAE).
        lambda_: weight of the divergence of q(z) from the prior; alpha + lambda_ is at least 1.

    Source: Zhao, Song & Ermon 2019, https://arxiv.org/abs/1706.02262, eq. 6 and section 4.
    Differs: the kernel's width is that of the authors' published code, exp(-|z - z'|^2 / D^2).
    """

    normals = ("z", "prior")
    of_whole_batch = "the discrepancy of codes from the prior"

    @in_range
    def __init__(self, parts: PartsOrData, *, alpha: Real = 0.0, lambda_: Real = 1000.0) -> None:
        super().__init__(parts)
        if not (alpha <= 1 and alpha + lambda_ >= 1):
            raise ValueError(
                f"alpha={alpha}, lambda_={lambda_}: alpha is at most 1, alpha + lambda_ at least 1"
            )
        self.alpha, self.lambda_ = alpha, lambda_

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": 1 - self.alpha, "mmd": self.alpha + self.lambda_ - 1}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL and the discrepancy of the batch's codes from draws of the prior."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        mmd = maximum_mean_discrepancy(z, self.prior.sample(noise["prior"]))
        return self.elbo_terms(q, z, batch.image) | {"mmd": mmd}


def maximum_mean_discrepancy(x: Tensor, y: Tensor) -> Tensor:
    """Squared MMD of two samples ``[B, D]`` under exp(-|a - b|^2 / D^2), scalar in [0, 2].

    0: the same distribution, up to the bias of the sample (all pairs count, as in public code).

    Source: Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, eq. 5.
    Differs: none.
    """
    return _kernel(x, x).mean() + _kernel(y, y).mean() - 2 * _kernel(x, y).mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    squared = (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(-1)
    return (-squared / x.shape[-1] ** 2).exp()
