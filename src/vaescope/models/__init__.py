"""What each method minimises, one module a method."""

from vaescope.models.aggregate import aggregate_densities
from vaescope.models.annealed_vae import AnnealedVAE
from vaescope.models.autoencoder import Autoencoder
from vaescope.models.base import LatentModel
from vaescope.models.beta_tc_vae import BetaTCVAE
from vaescope.models.beta_vae import VAE, BetaVAE
from vaescope.models.cfasl import CFASL
from vaescope.models.control_vae import ControlVAE
from vaescope.models.dava import DAVA
from vaescope.models.dip_vae import DIPVAE
from vaescope.models.ds_vae import DSVAE
from vaescope.models.enc_diff import EncDiff
from vaescope.models.factor_qvae import FactorQVAE
from vaescope.models.factor_vae import FactorVAE
from vaescope.models.group_vae import GroupVAE
from vaescope.models.hausdorff_vae import HausdorffVAE
from vaescope.models.hessian_vae import HessianVAE
from vaescope.models.info_nce import InfoNCE
from vaescope.models.info_vae import InfoVAE
from vaescope.models.isometric_vae import IsometricVAE
from vaescope.models.ivae import IVAE
from vaescope.models.jl1_vae import JL1VAE
from vaescope.models.orthogonal_autoencoder import OrthogonalAutoencoder
from vaescope.models.parts import Parts, PartsFor, PartsOrData
from vaescope.models.pcl import PCL
from vaescope.models.principal_flow import PrincipalFlow
from vaescope.models.quantised_autoencoder import QuantisedAutoencoder
from vaescope.models.regularised_autoencoder import RegularisedAutoencoder
from vaescope.models.semi_supervised import SemiSupervised, Supervised
from vaescope.models.sigma_vae import SigmaVAE
from vaescope.models.slow_vae import SlowVAE
from vaescope.models.tcl import TCL
from vaescope.models.triplet_vae import TripletVAE
from vaescope.models.tripod import Tripod
from vaescope.models.weakly_supervised_gan import WeaklySupervisedGAN
