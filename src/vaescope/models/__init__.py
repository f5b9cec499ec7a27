"""What each method minimises, one module a method."""

from vaescope.models.autoencoder import Autoencoder
from vaescope.models.base import LatentModel, Parts
from vaescope.models.beta_vae import VAE, BetaVAE

__all__ = ["VAE", "Autoencoder", "BetaVAE", "LatentModel", "Parts"]
