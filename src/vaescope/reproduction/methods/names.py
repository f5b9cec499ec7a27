"""The methods and sets that are compared, by the names of their runs."""

from dataclasses import dataclass

SETS = {"dsprites": "dSprites", "shapes3d_like": "shapes3d_like"}

# no posterior with a variance; those of the last three are taught by pairs of images
POINT = {
    "autoencoder": "AE",
    "regularised_autoencoder": "regularised AE",
    "orthogonal_autoencoder": "orthogonal AE",
    "qlae": "QLAE",
    "factor_qvae": "FactorQVAE",
    "tripod": "Tripod",
    "pcl": "PCL",
    "info_nce": "InfoNCE",
}
DIAGONAL = {
    "vae": "VAE",
    "beta_vae": "beta-VAE",
    "beta_vae_annealed": "beta-VAE, beta falling",
    "annealed_vae": "AnnealedVAE",
    "control_vae": "ControlVAE",
    "sigma_vae": "sigma-VAE",
    "factor_vae": "FactorVAE",
    "beta_tc_vae": "beta-TCVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "info_vae": "InfoVAE",
    "hfs": "HFS",
    "dava": "DAVA",
    "hessian_vae": "Hessian VAE",
    "hessian_vae_normalised": "Hessian VAE, normalised",
    "isometric_vae": "isometric VAE",
    "jl1_vae": "JL1-VAE",
    "ada_gvae": "Ada-GVAE",
    "ada_ml_vae": "Ada-ML-VAE",
    "gvae": "GVAE",
    "ml_vae": "ML-VAE",
    "slow_vae": "SlowVAE",
    "weakly_supervised_gan": "weakly supervised GAN",
}
TITLES = POINT | DIAGONAL
PAIRS = (
    *("ada_gvae", "ada_ml_vae", "gvae", "ml_vae"),
    *("slow_vae", "pcl", "info_nce", "weakly_supervised_gan"),
)


@dataclass(frozen=True)
class Compared:
    """A method on a set."""

    data: str
    method: str

    @property
    def title(self) -> str:
        """Of the method; a star: it is taught by pairs of images."""
        star = "*" if self.method in PAIRS else ""
        return f"{TITLES.get(self.method, self.method)}{star}"


def compared(run: str) -> Compared:
    """Set and method of a run, by its name.

    Example:
        >>> compared("shapes3d_like_beta_vae")
        Compared(data='shapes3d_like', method='beta_vae')
    """
    data = next(data for data in SETS if run.startswith(f"{data}_"))
    return Compared(data, run.removeprefix(f"{data}_"))
