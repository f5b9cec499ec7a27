"""TVAE: triplets, an image is nearer to the second than to the third."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import NonNegative, in_range


class TripletVAE(LatentModel):
    """TVAE: mean reconstruction + beta times mean KL of three images + alpha times a hinge.

    The hinge is max(0, |mu - mu_2| - |mu - mu_3| + margin) of the posterior means: the second image
    is the positive and the third the negative. The view ``triplets`` gives them in this order, the
    one that is nearer in its factors first, which need not share a class with the image.

    Args:
        alpha: weight of the hinge, at least 0.
        margin: by which the negative is to be farther than the positive, at least 0.
        norm: of the difference of two means: 1 or 2.

    Source: Ishfaq et al. 2018, https://arxiv.org/abs/1802.04403. Differs: triplets are ordered by
    their factors, the paper's by class; both weights and the norm are options.
    """

    normals = ("z", "z_2", "z_3")
    needs = ("a second image", "a third image")

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        alpha: NonNegative = 1.0,
        margin: NonNegative = 1.0,
        norm: Literal[1, 2] = 2,
        beta: NonNegative = 1.0,
    ) -> None:
        super().__init__(parts)
        self.alpha, self.margin, self.norm, self.beta = alpha, margin, norm, beta

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta, "triplet": self.alpha}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z) and KL, each the mean of three images, and the hinge of their means."""
        images = torch.cat([part.image for part in (batch, *batch.partners)])
        q = self.encode(images)
        z = q.rsample(torch.cat([noise["z"], noise["z_2"], noise["z_3"]]))
        hinge = triplet_hinge(*q.mean.chunk(3), norm=self.norm, margin=self.margin)
        return self.elbo_terms(q, z, images) | {"triplet": hinge.mean()}


def triplet_hinge(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, norm: int, margin: float
) -> Tensor:
    """max(0, |anchor - positive| - |anchor - negative| + margin) of codes ``[B, D]``, ``[B]``.

    0: the negative is farther than the positive by the margin at least.
    """
    near = torch.linalg.vector_norm(anchor - positive, ord=norm, dim=-1)
    far = torch.linalg.vector_norm(anchor - negative, ord=norm, dim=-1)
    return F.relu(near - far + margin)
