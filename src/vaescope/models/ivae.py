"""iVAE, the identifiable VAE: a prior that depends on what is known beside the image."""

from torch import nn

from vaescope.distributions.posteriors import DiagonalGaussian, divergence
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms, require_label
from vaescope.ranges import Labels, NonNegative, in_range


class IVAE(LatentModel):
    """iVAE: reconstruction + beta KL(q(z|x, u) || p(z|u)), u the label of an image.

    Args:
        num_labels: number of values of u, at least 1.

    Source: Khemakhem et al. 2020, https://arxiv.org/abs/1907.04809, eq. 7 to 9. Differs: the
    encoder does not read u; q(z|x, u) is proportional to q(z|x) p(z|u), which is the form of the
    true posterior, so that images without a label have a code, too.
    """

    needs = ("a label",)
    posteriors = (DiagonalGaussian,)
    only_these = "its prior and posterior are normal, latent by latent"
    any_prior = False

    @in_range
    def __init__(
        self, parts: PartsOrData, *, num_labels: Labels = 10, beta: NonNegative = 1.0
    ) -> None:
        super().__init__(parts)
        self.num_labels, self.beta = num_labels, beta
        self.label_prior = nn.Embedding(num_labels, 2 * self.latent_dim)
        nn.init.normal_(self.label_prior.weight, std=0.1)

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and KL(q(z|x, u) || p(z|u)), z drawn from q(z|x, u)."""
        label = require_label(batch.known.label, "labels")
        prior = DiagonalGaussian.from_parameters(self.label_prior(label), self.latent_dim)
        q = product(self.encode(batch.image), prior)
        return {
            "reconstruction": self.nll(q.rsample(noise["z"]), batch.image),
            "kl": divergence(q, prior).sum(-1).mean(),
        }


def product(q: DiagonalGaussian, p: DiagonalGaussian) -> DiagonalGaussian:
    """The normal distribution proportional to q p."""
    variance = 1 / (1 / q.variance + 1 / p.variance)
    mean = variance * (q.mean / q.variance + p.mean / p.variance)
    return DiagonalGaussian(mean, variance.log())
