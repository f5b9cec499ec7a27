"""Deterministic autoencoder: the baseline without a posterior."""

from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PointModel, Terms


class Autoencoder(PointModel):
    """Autoencoder: reconstruction alone, no noise and no KL; nothing prefers a rotation of z.

    Source: Rolinek, Zietlow & Martius 2019, https://arxiv.org/abs/1812.06775, the column "AE" of
    table 1. Differs: none.
    """

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) at the code z of x."""
        q = self.encode(batch.image)
        return {"reconstruction": self.nll(q.mean, batch.image)}
