"""The deterministic autoencoder: the baseline without a posterior."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from vaescope.distributions.posteriors import Point, Posterior
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel


class Autoencoder(LatentModel):
    """Autoencoder: reconstruction alone, no noise and no KL; nothing prefers a rotation of z.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, the column "AE" of
    table 1. Differs: none.
    """

    posteriors: ClassVar[tuple[type[Posterior], ...]] = (Point,)
    only_these: ClassVar[str] = "it has no noise and no KL"
    any_prior: ClassVar[bool] = False

    def terms(self, batch: Batch, step: int, noise: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """-log p(x|z) at the code z of x."""
        q = self.encode(batch.image)
        return {"reconstruction": self.nll(q.mean, batch.image)}
