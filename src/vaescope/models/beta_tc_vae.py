"""Beta-TCVAE: the KL taken apart, with a weight for each part, total correlation among them."""

from vaescope.distributions.posteriors import DiagonalGaussian, DiagonalLaplace, FullGaussian
from vaescope.minibatch import Batch
from vaescope.models.aggregate import Estimator, aggregate_densities
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import NonNegative, in_range


class BetaTCVAE(LatentModel):
    """beta-TCVAE: reconstruction + alpha I(z; n) + beta TC(z) + gamma sum_j KL(q(z_j) || p(z_j)).

    Args:
        alpha: weight of the index-code mutual information, at least 0.
        beta: weight of the total correlation, at least 0; larger means more independent latents.
        gamma: weight of the dimension-wise KL, at least 0.
        estimator: of q(z) from a batch, see ``aggregate_densities``. With ``batch`` the loss is
            disentanglement_lib's, reconstruction + KL + (beta - 1) TC.

    Source: Chen et al. 2018, https://arxiv.org/abs/1802.04942, eq. 4; for ``batch`` Locatello et
    al. 2019, https://arxiv.org/abs/1811.12359. Differs: none with ``mss`` and ``mws``.
    """

    posteriors = (DiagonalGaussian, FullGaussian, DiagonalLaplace)
    only_these = "the density of q(z) has to have a slope"
    of_whole_batch = "the density of the aggregate posterior"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        alpha: NonNegative = 1.0,
        beta: NonNegative = 6.0,
        gamma: NonNegative = 1.0,
        estimator: Estimator = "mss",
    ) -> None:
        super().__init__(parts)
        if estimator == "batch" and (alpha, gamma) != (1, 1):
            raise ValueError(
                f"alpha={alpha}, gamma={gamma}: estimator=batch has them at 1; choose mss or mws"
            )
        self.alpha, self.beta, self.gamma, self.estimator = alpha, beta, gamma, estimator

    def weights(self, step: int) -> dict[str, float]:
        if self.estimator == "batch":
            return {"kl": 1.0, "aggregate_total_correlation": self.beta - 1}
        return {
            "mutual_information": self.alpha,
            "aggregate_total_correlation": self.beta,
            "dimensionwise_kl": self.gamma,
        }

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and the parts of the KL, z drawn from q."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        reconstruction = self.nll(z, batch.image)
        of_z = aggregate_densities(q, z, self.data_size, self.estimator)
        if self.estimator == "batch":
            return {
                "reconstruction": reconstruction,
                "kl": self.kl(q).sum(-1).mean(),
                "aggregate_total_correlation": of_z.total_correlation,
            }
        log_prior = self.prior.log_prob(z).sum(-1)
        return {
            "reconstruction": reconstruction,
            "mutual_information": of_z.mutual_information,
            "aggregate_total_correlation": of_z.total_correlation,
            "dimensionwise_kl": (of_z.product - log_prior).mean(),
        }
