"""InfoNCE: contrastive learning, which second image belongs to this first one?"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.distributions.posteriors import Point
from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.ranges import Positive, in_range

Similarity = Literal["l1", "l2", "cosine"]


class InfoNCE(PointModel):
    """InfoNCE: cross-entropy of finding an image's partner among the batch's second images, nats.

    0: every pair is found; log B: all codes are alike. The decoder learns to reconstruct from
    codes that are held fixed, so that its statistics can be told; the encoder does not feel it.

    Args:
        similarity: of two codes: ``l1``: -|h - h'|_1, for changes of a Laplace distribution, finds
            the latents up to order and sign; ``l2``: -|h - h'|_2^2, for normal changes; ``cosine``:
            the dot product, for von Mises-Fisher changes. These two find them up to a rotation.
            Codes of ``l1`` and ``l2`` lie in a box of learned sides, else only their differences
            would count; those of ``cosine`` on the unit sphere.
        temperature: which the similarity is divided by, greater than 0.
        symmetric: also find the first image of each second one; the mean of both losses.

    Source: Zimmermann et al. 2021, https://arxiv.org/abs/2102.08850, section 3 and the published
    code ("box", of which the sides begin at 1). Differs: the negatives are the second images of the
    batch's other pairs, where the paper draws images of their own; the box is centred on 0;
    ``symmetric`` is not the paper's.
    """

    needs = ("a second image",)
    of_whole_batch = "the negatives of a pair"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        similarity: Similarity = "l1",
        temperature: Positive = 1.0,
        symmetric: bool = False,
    ) -> None:
        super().__init__(parts)
        self.similarity, self.temperature, self.symmetric = similarity, temperature, symmetric
        if similarity != "cosine":
            self.log_side = nn.Parameter(torch.zeros(self.latent_dim))

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Cross-entropy of the partners, and the decoder's own reconstruction."""
        h, h2 = self.encode(batch.image).mean, self.encode(batch.partners[0].image).mean
        logits = similarities(h, h2, self.similarity) / self.temperature
        contrast = cross_entropy_of_pairs(logits)
        if self.symmetric:
            contrast = 0.5 * (contrast + cross_entropy_of_pairs(logits.mT))
        return {"contrast": contrast, "reconstruction": self.nll(h.detach(), batch.image)}

    def encode(self, image: Tensor) -> Point:
        """Codes of images ``[B, ...]``, in the box or on the sphere."""
        h = super().encode(image).mean
        if self.similarity == "cosine":
            return Point(F.normalize(h, dim=-1))
        return Point(self.log_side.exp() * (h.sigmoid() - 0.5))


def similarities(h: Tensor, h2: Tensor, kind: Similarity) -> Tensor:
    """Similarity of every two codes ``[B, D]`` and ``[N, D]``, ``[B, N]``; larger is more alike."""
    rows, columns = h.unsqueeze(1), h2.unsqueeze(0)
    if kind == "cosine":
        return (rows * columns).sum(-1)  # not a matrix product, which autocast would round
    gap = rows - columns
    return -(gap.abs() if kind == "l1" else gap.square()).sum(-1)


def cross_entropy_of_pairs(logits: Tensor) -> Tensor:
    """-log softmax of row i at column i of ``[B, B]``, mean over rows, nats; at least 0, scalar."""
    return (torch.logsumexp(logits, dim=-1) - logits.diagonal(dim1=-2, dim2=-1)).mean()
