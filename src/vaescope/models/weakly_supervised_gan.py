"""Weakly supervised GAN: pairs that share factors are imitated by pairs that share latents."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import grad

from vaescope.distributions.posteriors import DiagonalGaussian
from vaescope.minibatch import Batch
from vaescope.models.adversary import held_fixed
from vaescope.models.base import LatentModel, Noise, PartsOrData, Terms, require_label
from vaescope.models.parts import resolved_parts
from vaescope.networks import PairDiscriminator
from vaescope.ranges import NonNegative, Width, in_range


class WeaklySupervisedGAN(LatentModel):
    """GAN of pairs, -log D for the generator, and an encoder, -log q(z|g(z)), of its images alone.

    A pair of images shares some factors and no others; the generator's pair g(z), g(z') shares the
    latents with the numbers of these factors, the others are drawn anew, also those beyond the
    factors. The discriminator D is told which are shared. With a pair for every single factor that
    is shared (``view=pairs_share_one``) each latent must become its factor.

    Three players in one summed loss: the generator, which is the decoder; the discriminator, with
    the penalty gamma/2 E |dD/dx|^2 at real pairs; and the encoder. The reconstruction of real
    images trains nobody: it is only told.

    Args:
        gamma: weight of the discriminator's squared gradient, at least 0.
        width: units of the discriminator's layers; its features are an encoder of the network.

    Source: Shu et al. 2020, https://arxiv.org/abs/1910.09772, section 5 ("full sharing" of the
    ICML paper's table is share pairing of every factor) and its published code; the penalty is R1
    of Mescheder et al. 2018, https://arxiv.org/abs/1801.04406. Differs: all players are updated at
    once, the code updates the generator after the others; the penalty stands for spectral and batch
    normalisation, which have a state that could not be batched; generated pairs share what the
    batch's real pairs do; the encoder learns latents beyond the factors, too.
    Cost: about four times that of a beta-VAE's update.
    """

    normals = ("z", "first", "second")
    needs = ("a second image",)
    posteriors = (DiagonalGaussian,)
    only_these = "its encoder tells latents that are standard normal"
    any_prior = False

    @in_range
    def __init__(
        self, parts: PartsOrData, *, gamma: NonNegative = 10.0, width: Width = 256
    ) -> None:
        parts = resolved_parts(type(self), parts)
        super().__init__(parts)
        features, _ = parts.network(self.image_shape, width, self.latent_dim)
        self.gamma = gamma
        self.discriminator = PairDiscriminator(features, width, self.latent_dim)

    def weights(self, step: int) -> dict[str, float]:
        return {"reconstruction": 0.0, "gradient_penalty": self.gamma}

    def terms(self, batch: Batch, step: int, noise: Noise) -> Terms:
        """What each player minimises; the reconstruction of real images by itself."""
        real = (batch.image, batch.partners[0].image)
        factors = require_label(batch.known.changed, "pairs_share_one")
        changed = changed_latents(factors, self.latent_dim)
        z = noise["first"]
        pair = (z, torch.where(changed, noise["second"], z))
        made = tuple(self.decode_mean(codes) for codes in pair)
        seen = tuple(images.detach() for images in made)
        told = changed.to(z)
        judge = self.discriminator
        with torch.no_grad():
            reconstruction = self.nll(self.encode(batch.image).rsample(noise["z"]), batch.image)
        wrong = F.softplus(-judge(*real, told)) + F.softplus(judge(*seen, told))
        return {
            "reconstruction": reconstruction,
            "generator": F.softplus(-held_fixed(judge)(*made, told)).mean(),
            "discriminator": 0.5 * wrong.mean(),
            "gradient_penalty": self._penalty(real, told),
            "encoding": -self.encode(seen[0]).log_prob(z).sum(-1).mean(),
        }

    def _penalty(self, real: tuple[Tensor, Tensor], told: Tensor) -> Tensor:
        """Half the squared gradient of the discriminator's logits by the images of a pair."""
        slopes = grad(lambda pair: self.discriminator(*pair, told).sum())(real)
        return 0.5 * torch.cat(slopes, 1).square().flatten(1).sum(1).mean()


def changed_latents(changed: Tensor, latent_dim: int) -> Tensor:
    """Latent j is drawn anew if the pair differs in factor j, or if there is none: ``[B, D]``.

    Example:
        >>> changed_latents(torch.tensor([[True, False]]), 4).tolist()
        [[True, False, True, True]]
    """
    known = changed[..., :latent_dim].bool()
    return F.pad(known, (0, latent_dim - known.shape[-1]), value=True)
