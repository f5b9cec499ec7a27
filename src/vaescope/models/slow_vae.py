"""SlowVAE: few latents change from one moment to the next."""

import math
from typing import Literal

import torch
from torch import Tensor

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import NonNegative, Positive, in_range


class SlowVAE(LatentModel):
    """SlowVAE: two reconstructions + beta KL to N(0, 1) + gamma times a transition term.

    The transition is that of each image's posterior from a Laplace distribution about the mean of
    the other's, both ways: both cross-entropies, less the entropies H and H' of the posteriors.

    Args:
        gamma: weight of the transition, at least 0.
        rate: lambda of the Laplace prior of a latent's change, greater than 0.
        transition: ``published``: less (H + H') / 2, as in the published code, with which the
            paper's gamma = 10 goes; ``kl``: less H + H', the sum of the KLs of both ways.

    Source: Klindt et al. 2021, https://arxiv.org/abs/2007.10930, eq. 9 and appendix B, and their
    code. Differs: eq. 9 has the KL of one way, from the earlier image to the later one, whose
    expectation over the other's code is not taken here either: its mean is the centre. The
    published code, and so ``published``, is no KL: it averages the entropies of both images where
    it adds their cross-entropies, and so makes half as much of the posteriors' widths.
    """

    normals = ("z", "z_2")
    needs = ("a second image",)
    posteriors = (DiagonalGaussian,)
    only_these = "its divergence of moments is that of normal distributions"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 1.0,
        gamma: NonNegative = 10.0,
        rate: Positive = 6.0,
        transition: Literal["published", "kl"] = "published",
    ) -> None:
        super().__init__(parts)
        self.beta, self.gamma, self.rate, self.transition = beta, gamma, rate, transition

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta, "transition": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Both reconstructions, the KL to the prior, and the transition."""
        q, q2 = self.encode(batch.image), self.encode(batch.partners[0].image)
        first = self.nll(q.rsample(noise["z"]), batch.image)
        second = self.nll(q2.rsample(noise["z_2"]), batch.partners[0].image)
        prior = 0.5 * (self.kl(q) + self.kl(q2)).sum(-1).mean()
        change = q.mean - q2.mean
        cross = laplace_cross_entropy(change, q.variance.sqrt(), self.rate)
        cross = cross + laplace_cross_entropy(change, q2.variance.sqrt(), self.rate)
        share = 0.5 if self.transition == "published" else 1.0
        entropies = share * (q.entropy() + q2.entropy())
        transition = (cross - entropies).sum(-1).mean()
        return {"reconstruction": first + second, "kl": prior, "transition": transition}


def laplace_cross_entropy(mean: Tensor, deviation: Tensor, rate: float) -> Tensor:
    """-E log Laplace(s; 0, 1/rate) over s ~ N(mean, deviation^2), nats, of the inputs' shape.

    Source: Klindt et al. 2021, https://arxiv.org/abs/2007.10930, eq. 20. Differs: none.
    """
    scaled = mean / deviation
    folded = deviation * math.sqrt(2 / math.pi) * (-0.5 * scaled.square()).exp()
    folded = folded + mean * torch.special.erf(scaled / math.sqrt(2))
    return rate * folded - math.log(rate / 2)
