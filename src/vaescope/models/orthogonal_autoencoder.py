"""Orthogonal autoencoder: Jacobian columns are asked to be orthogonal, as a VAE makes them."""

import torch

from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.models.jacobian import gram, jacobian_columns
from vaescope.ranges import NonNegative, in_range


class OrthogonalAutoencoder(PointModel):
    """Reconstruction + weight times the sum of cos^2 of the angles between Jacobian columns.

    The last term is 0 where the columns are orthogonal, whatever their lengths, and that is where
    the distance to orthogonality is 0.

    Args:
        weight: of the last term, at least 0.

    Source: the property is that of Rolinek, Zietlow & Martius 2019,
    https://arxiv.org/abs/1812.06775, section 3. Differs: the penalty is ours.
    """

    @in_range
    def __init__(self, parts: PartsOrData, *, weight: NonNegative = 10.0) -> None:
        super().__init__(parts)
        self.weight = weight

    def weights(self, step: int) -> dict[str, float]:
        return {"cosines": self.weight}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and the squared cosines of the columns of d x_hat / d z."""
        z = self.encode(batch.image).mean
        output, columns = jacobian_columns(self.decode, z)
        g = gram(columns, self.likelihood.pixel_metric(output))
        lengths = g.diagonal(dim1=1, dim2=2)
        tiny = torch.finfo(g.dtype).tiny  # a column of zeros is orthogonal to all
        squared_cosines = g.square() / (lengths.unsqueeze(1) * lengths.unsqueeze(2) + tiny)
        distinct = 1 - torch.eye(z.shape[-1], dtype=g.dtype, device=g.device)
        return {
            "reconstruction": self.nll(z, batch.image),
            "cosines": (squared_cosines * distinct).sum((1, 2)).mean(),
        }
