"""Principal flow: an exact likelihood, and a price on angles between the Jacobian's columns."""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vaescope.minibatch import Batch
from vaescope.models.base import Noise, PartsOrData, PointModel, Terms
from vaescope.models.jacobian import gram, jacobian_columns
from vaescope.models.parts import resolved_parts
from vaescope.networks.injective_flow import coupling_flow
from vaescope.ranges import AtLeastTwo, Depth, NonNegative, Width, in_range


class PrincipalFlow(PointModel):
    """Flow: gamma |x - f(z)|^2 - log p(f(z)) + alpha (sum_k log |J_k| - 1/2 log det J^T J).

    f is the decoder, an injective flow, J its Jacobian at the code z of x, by the encoder that
    inverts f; -log p(f(z)) = -log N(z; 0, I) + 1/2 log det J^T J. The last term is what angles
    between the columns J_k cost, at least 0, and 0 where they are orthogonal: what a VAE's diagonal
    posterior does to its decoder stands in this objective. Nothing is random. With as many latents
    as an observation has numbers f is a bijection, and the likelihood that of x.

    Its network is a flow; ``network`` has no part in it. With ``likelihood=gaussian``, its default,
    the first term is the squared error; with another the encoder does not invert the expected
    image.

    Args:
        gamma: weight of the reconstruction, at least 0; the default is ours. With fewer latents
            than numbers the density grows where f(z) leaves directions in which observations
            differ for one in which they do not: a weight as small as 10 lets it do so.
        alpha: weight of the angles, at least 0; 0: a plain flow.
        num_components: dimensions of the observations in which the flow lies, at least 2.
        num_layers: couplings of the flow.
        width: units of their hidden layers.

    Source: Cunningham, Cobb & Jha 2022, https://arxiv.org/abs/2202.07037, the objective of
    principal component flows with a part for every latent; with ``alpha`` 1 that of injective ones.
    Differs: all columns are computed, where the paper draws one; the constant of N(z; 0, I) is
    left out of the loss; the flow is one of affine couplings of dense layers, in a subspace of the
    observations.
    Cost: 2 D + 1 decodes more.
    """

    only_these = "a flow has one code for each image"

    @in_range
    def __init__(
        self,
        parts: PartsOrData,
        *,
        gamma: NonNegative = 1000.0,
        alpha: NonNegative = 1.0,
        num_components: AtLeastTwo = 64,
        num_layers: Depth = 4,
        width: Width = 64,
    ) -> None:
        parts = resolved_parts(type(self), parts)
        network = partial(
            coupling_flow, num_components=num_components, num_layers=num_layers, width=width
        )
        super().__init__(replace(parts, network=network))
        self.gamma, self.alpha = gamma, alpha

    def weights(self, step: int) -> dict[str, float]:
        return {"reconstruction": self.gamma, "angles": self.alpha}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """-log p(x|z), half the code's squared norm, 1/2 log det J^T J and the price of angles."""
        z = self.encode(batch.image).mean
        output, log_lengths, log_volume = self._sizes(z)
        return {
            "reconstruction": self.likelihood.nll(output, batch.image).mean(),
            "code": 0.5 * z.square().sum(1).mean(),
            "log_determinant": log_volume.mean(),
            "angles": (log_lengths - log_volume).mean(),
        }

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Logarithm of p(f(z)) at the codes z of images ``[B, ...]``, nats ``[B]``; good: high.

        With as many latents as numbers in an image it is log p(x); with fewer a density on the
        surface of all f(z), in units of its own, there at the image's reconstruction.
        """
        z = self.encode(images).mean
        log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        return log_prior - self._sizes(z)[2]

    def _sizes(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """f(z) of codes ``[B, D]``; sum_k log |J_k| and 1/2 log det J^T J there, ``[B]``."""
        output, columns = jacobian_columns(self.decode, z)
        g = gram(columns, torch.ones_like(output))
        log_lengths = 0.5 * g.diagonal(dim1=1, dim2=2).log().sum(1)
        log_volume = 0.5 * torch.linalg.slogdet(g).logabsdet
        return output.unflatten(1, self.image_shape), log_lengths, log_volume
