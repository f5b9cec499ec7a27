"""ICML 2021: Demystifying Inductive Biases for (Beta-)VAE Based Architectures."""

from vaescope.reproduction.icml2021 import figures, measured
from vaescope.reproduction.icml2021.claims import CLAIMS
from vaescope.reproduction.icml2021.probe import probe_r2
from vaescope.reproduction.icml2021.tables import table_lines
from vaescope.reproduction.paper import Drawing, Paper

OF_SETS = ["panels_beta_vae_*", "table1_*_beta_vae_*"]  # one run on each set

PAPER = Paper(
    claims=CLAIMS,
    drawings={
        "panels": Drawing(figures.mig_figure, caption=figures.MIG),
        "images": Drawing(
            figures.images_figure,
            ["*_beta_vae_modified"],
            measured.example_images,
            caption=figures.IMAGES,
        ),
        "codes": Drawing(
            figures.codes_figure,
            [f"panels_{method}_{on}" for method in ("beta_vae", "pcl") for on in figures.COMPARED],
            measured.codes_and_factors,
            caption=figures.CODES,
        ),
        "mechanism": Drawing(
            figures.mechanism_figure,
            ["*_beta_vae_modified"],
            measured.reference_losses,
            measured.margins,
            caption=figures.MECHANISM,
        ),
        "robustness": Drawing(figures.robustness_figure, caption=figures.ROBUSTNESS),
    },
    always=[
        Drawing(opens=OF_SETS, take=measured.largest_change, numbers=dict),
        Drawing(
            opens=[f"{name[:-1]}{on}" for name in OF_SETS for on in figures.COMPARED],
            take=probe_r2,
            numbers=dict,
        ),
    ],
    lines=table_lines,
)
