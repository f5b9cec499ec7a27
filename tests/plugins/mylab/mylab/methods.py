"""A method of ours."""

from collections.abc import Mapping

from torch import Tensor

from vaescope.minibatch import Batch
from vaescope.models import LatentModel, Parts
from vaescope.ranges import NonNegative, in_range


class FreeBitsVAE(LatentModel):
    """Free bits: reconstruction + sum_j max(KL_j, floor), KL_j the batch's mean of latent j, nats.

    Args:
        floor: nats that each latent has for free, at least 0.

    Source: Kingma et al. 2016, https://arxiv.org/abs/1606.04934, eq. 15. Differs: one latent a
    group.
    """

    @in_range
    def __init__(self, parts: Parts, *, floor: NonNegative = 0.1) -> None:
        super().__init__(parts)
        self.floor = floor

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": 0.0, "floored_kl": 1.0}  # the KL itself is only told

    def terms(self, batch: Batch, step: int, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """-log p(x|z) and the floored KL, z drawn from q; the KL by itself."""
        q = self.encode(batch.image)
        return {
            **self.elbo_terms(q, q.rsample(noise["z"]), batch.image),
            "floored_kl": self.kl(q).mean(0).clamp(min=self.floor).sum(),
        }
