"""Isometric VAE: equal steps in the codes are equal steps in the image, in every direction."""

import numpy as np
from torch import Tensor

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.adversary import permuted_within
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.jacobian import jacobian_columns
from vaescope.ranges import NonNegative, in_range


class IsometricVAE(LatentModel):
    """beta-VAE + gamma (E tr(G^2) / (E tr G)^2 - 1/D), G = J^T J of the decoder's Jacobian J.

    The last term, the relaxed distortion, is 0 where the decoder is an isometry up to one scale:
    columns that are orthogonal, of the same length, everywhere. The KL asks for orthogonal ones of
    any lengths. It is taken between codes and a little beyond: at a z_b + (1 - a) z_c of pairs of
    sampled codes, a uniform in [-eta, 1 + eta].

    Args:
        gamma: weight of the distortion, at least 0; the default is ours.
        eta: how far beyond two codes, at least 0.

    Source: Lee et al. 2022, https://openreview.net/forum?id=mQxt8l7JL04, the relaxed distortion
    measure and its published code, there without - 1/D, which has no gradient. Differs: traces are
    exact, from the whole Jacobian in forward mode, where the code draws one random vector.
    Isometry of a fixed scale, Gropp et al. 2020, https://arxiv.org/abs/2006.09289, is not used: the
    prior has fixed the codes' scale already.
    Cost: 2 D + 1 decodes more.
    """

    of_whole_batch = "the mean traces of the metric"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 1.0,
        gamma: NonNegative = 100.0,
        eta: NonNegative = 0.2,
    ) -> None:
        super().__init__(parts)
        self.beta, self.gamma, self.eta = beta, gamma, eta

    def beta_at(self, step: int) -> float:
        return self.beta

    def weights(self, step: int) -> dict[str, float]:
        return {"kl": self.beta, "distortion": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL and the relaxed distortion of the expected image."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        other = z.gather(0, noise["permutation"].long().unsqueeze(1).expand_as(z))
        a = (noise["share"] * (1 + 2 * self.eta) - self.eta).unsqueeze(1)
        _, columns = jacobian_columns(self.decode_mean, a * z + (1 - a) * other)
        return self.elbo_terms(q, z, batch.image) | {"distortion": relaxed_distortion(columns)}

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z``; of each code the number of another, and a ``share`` in [0, 1], ``[B]``."""
        drawn = super().draw_noise(rng, batch_size)
        drawn["permutation"] = rng.permutation(batch_size).astype(np.float32)
        return drawn | {"share": rng.random(batch_size, dtype=np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """Permutations of these rows among themselves."""
        sliced = super().slice_noise(noise, own)
        return sliced | {"permutation": permuted_within(sliced["permutation"])}


def relaxed_distortion(columns: Tensor) -> Tensor:
    """E tr(G^2) / (E tr G)^2 - 1/D of Jacobian columns ``[B, D, X]``, scalar, at least 0.

    0: G is the same multiple of the identity at all points; 1 - 1/D: of rank one, everywhere alike.

    Source: Lee et al. 2022, https://openreview.net/forum?id=mQxt8l7JL04. Differs: less 1/D.

    Example:
        >>> import torch
        >>> relaxed_distortion(torch.eye(3).unsqueeze(0) * 5).item()
        0.0
    """
    g = columns @ columns.transpose(1, 2)
    trace = g.diagonal(dim1=1, dim2=2).sum(1)
    ratio = g.square().sum((1, 2)).mean() / trace.mean().square()
    return ratio - 1 / columns.shape[1]
