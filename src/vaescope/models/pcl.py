"""PCL: permutation-contrastive learning, are two observations neighbours in time?"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms


class PCL(PointModel):
    """PCL: logistic regression of real neighbours in time against pairs taken at random.

    The logit is -sum_i |w1_i h_i(t) + w2_i h_i(t-1) + b_i| + a sum_i h_i(t)^2 + m, with a >= 0. The
    decoder learns to reconstruct from codes that are held fixed, so that its statistics can be
    told; the encoder does not feel it.

    Source: Hyvarinen & Morioka 2017, https://proceedings.mlr.press/v54/hyvarinen17a.html, eq. 3
    and 12, and their code. Differs: one weight a for all latents, as in that code, where eq. 12 has
    a weight and a shift for each; a is softplus of a number that is 0 at first, there 1 at first
    and clamped at 0. The encoder is the network that was chosen, without the paper's maxout layers,
    batch norm and PCA whitening; the random partner is another pair's first image.
    """

    needs = ("a second image",)
    of_whole_batch = "the random pairs"

    def __init__(self, parts: PartsOrData) -> None:
        super().__init__(parts)
        self.w1 = nn.Parameter(torch.ones(self.latent_dim))
        self.w2 = nn.Parameter(-torch.ones(self.latent_dim))
        self.b = nn.Parameter(torch.zeros(self.latent_dim))
        self.a = nn.Parameter(torch.zeros(()))
        self.m = nn.Parameter(torch.zeros(()))

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """Cross-entropy of real and random pairs, and the decoder's own reconstruction."""
        before, now = self.encode(batch.image).mean, self.encode(batch.partners[0].image).mean
        elsewhere = before[noise["permutation"].long()]
        real, random = self.logit(now, before), self.logit(now, elsewhere)
        return {
            "contrast": 0.5 * (F.softplus(-real) + F.softplus(random)).mean(),
            "reconstruction": self.nll(before.detach(), batch.image),
        }

    def logit(self, now: Tensor, before: Tensor) -> Tensor:
        """Log-odds ``[B]`` that ``before [B, D]`` comes right before ``now [B, D]``."""
        change = (self.w1 * now + self.w2 * before + self.b).abs().sum(-1)
        return -change + F.softplus(self.a) * now.square().sum(-1) + self.m

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z``, unused, and a permutation of the batch ``[B]``."""
        drawn = super().draw_noise(rng, batch_size)
        return drawn | {"permutation": rng.permutation(batch_size).astype(np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """A permutation of these rows among themselves."""
        sliced = super().slice_noise(noise, own)
        return sliced | {"permutation": sliced["permutation"].argsort(0).argsort(0)}
