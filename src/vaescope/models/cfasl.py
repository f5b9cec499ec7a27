"""CFASL: images are led into one another by symmetries, each of which moves one latent."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.minibatch import Batch
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms
from vaescope.models.symmetries import (
    acted_on,
    changes,
    commutators,
    equivariance,
    parallelism,
    perpendicularity,
    sparsity,
)
from vaescope.ranges import Count, NonNegative, Positive, in_range


class CFASL(LatentModel):
    """beta-VAE + alpha (L_pl + L_pd + L_c + L_s) + gamma L_p + lamb L_ee + epsilon L_de.

    A codebook of Lie algebra elements g_sk, K for each latent s. A pair of images, each and the
    next one of the batch, gives switches w_s, 0 or 1, and shares p_sk; G = sum_s w_s sum_k p_sk
    g_sk is to lead from the code z of the first to that of the second, z'. Elements of one latent
    are to change codes in parallel (pl), those of others at right angles (pd), all are to commute
    (c) and to change one latent alone (s); a switch is to be on where z and z' differ (p); exp(G) z
    is to be z' (ee), and its image the second image (de).

    Args:
        num_elements: K, for each latent, at least 1.
        threshold: distance of two codes in a latent from which its switch is to be on.
        alpha: weight of what is asked of the codebook, at least 0.
        gamma: weight of the switches' cross-entropy, at least 0.
        lamb: weight of the equivariance of the encoder, at least 0.
        epsilon: weight of that of the decoder, at least 0.
        beta: weight of the KL, at least 0.
        temperature: of the switches' samples, greater than 0.

    Source: Jung, Jeong & Kim 2024, https://arxiv.org/abs/2401.08897, with terms and ranges of
    weights as in its published code, models/group_action_layer.py; our defaults are among those.
    Differs: L_pd is its expectation over elements that are drawn there; L_c the mean over pairs of
    elements, there a running sum; L_p has logits, there probabilities that go through a softmax
    again; pairs are neighbours of the batch, there its halves; elements begin near 0, there with
    deviation 1; one optimiser and one rate. Members of an ensemble make a run's updates but for
    rounding, which L_pl magnifies: log cos^2 has slopes of 1e4 where directions cross at right
    angles, so that within ten updates the two go apart.
    """

    posteriors = (DiagonalGaussian,)
    only_these = "its pairs are told apart by means and deviations"
    of_whole_batch = "the pairs of images and the directions of changes"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        num_elements: Count = 10,
        threshold: NonNegative = 0.2,
        alpha: NonNegative = 1.0,
        gamma: NonNegative = 1.0,
        lamb: NonNegative = 1.0,
        epsilon: NonNegative = 0.1,
        beta: NonNegative = 1.0,
        temperature: Positive = 1e-4,
    ) -> None:
        super().__init__(parts)
        self.alpha, self.gamma, self.lamb, self.epsilon = alpha, gamma, lamb, epsilon
        self.beta, self.threshold, self.temperature = beta, threshold, temperature
        D, self.num_elements = self.latent_dim, num_elements
        self.codebook = nn.Parameter(0.1 * torch.randn(D, num_elements, D, D))
        self.choice = nn.Linear(4 * D, D * (1 + num_elements))

    def beta_at(self, step: int) -> float:
        return self.beta

    def weights(self, step: int) -> dict[str, float]:
        of_codebook = ("parallel", "perpendicular", "commutators", "sparsity")
        return dict.fromkeys(of_codebook, self.alpha) | {
            "kl": self.beta,
            "switches": self.gamma,
            "equivariance": self.lamb,
            "decoder_equivariance": self.epsilon,
        }

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), KL, L_pl, L_pd, L_c, L_s, L_p, L_ee and L_de."""
        q = self.encode(batch.image)
        z = q.rsample(noise["z"])
        x2, z2 = batch.image.roll(-1, 0), z.roll(-1, 0)
        logits, p = self.choose(q)
        differs = ((z - z2).abs() > self.threshold).to(z)
        w = ((logits + noise["logistic"]) / self.temperature).sigmoid()
        G = torch.einsum("bs,bsk,skij->bij", w, p, self.codebook)
        delta = changes(self.codebook, z)
        missed = F.binary_cross_entropy_with_logits(logits, differs, reduction="none")
        return self.elbo_terms(q, z, batch.image) | {
            "parallel": parallelism(delta),
            "perpendicular": perpendicularity(delta),
            "commutators": commutators(self.codebook),
            "sparsity": sparsity(delta),
            "switches": missed.sum(-1).mean(),
            "equivariance": equivariance(G, z, z2),
            "decoder_equivariance": self.nll(acted_on(G, z), x2),
        }

    def choose(self, q: DiagonalGaussian) -> tuple[Tensor, Tensor]:
        """Logits of the switches ``[B, D]`` and shares of elements ``[B, D, K]``, of the pairs."""
        one = torch.cat([q.mean, q.variance.sqrt()], -1)
        chosen = self.choice(torch.cat([one, one.roll(-1, 0)], -1))
        by_latent = chosen.unflatten(-1, (self.latent_dim, 1 + self.num_elements))
        return by_latent[..., 0], by_latent[..., 1:].softmax(-1)

    def draw_noise(self, rng: np.random.Generator, batch_size: int) -> dict[str, np.ndarray]:
        """``logistic`` noise of the switches ``[B, D]``, and ``z``."""
        drawn = super().draw_noise(rng, batch_size)
        shape = (batch_size, self.latent_dim)
        return drawn | {"logistic": rng.logistic(size=shape).astype(np.float32)}
