"""CVPR 2019: Variational Autoencoders Pursue PCA Directions (by Accident)."""

from vaescope.reproduction.cvpr2019 import figures
from vaescope.reproduction.cvpr2019.claims import CLAIMS
from vaescope.reproduction.cvpr2019.rotation import rotation_curve, rotation_numbers
from vaescope.reproduction.cvpr2019.tables import random_decoder
from vaescope.reproduction.cvpr2019.weights import (
    change_by_precision,
    closed_forms,
    embeddings,
    sorted_traversals,
)
from vaescope.reproduction.paper import Drawing, Paper

PAPER = Paper(
    claims=CLAIMS,
    drawings={
        "rotation": Drawing(
            figures.rotation_figure, ["table1_synthetic*"], rotation_curve, rotation_numbers
        ),
        "convergence": Drawing(figures.convergence_figure),
        "figure4": Drawing(figures.epochs_figure),
        "figure5": Drawing(figures.beta_figure),
        "figure6": Drawing(figures.embedding_figure, ["table4_*"], embeddings),
        "figure7": Drawing(
            figures.sorted_latents_figure,
            ["table1_dsprites_beta_vae", "table1_fashion_mnist_vae", "figure7_*"],
            sorted_traversals,
        ),
    },
    always=[
        Drawing(opens=["table1_*vae"], take=closed_forms, numbers=lambda found: found),
        Drawing(opens=["figure7_*"], take=change_by_precision, numbers=lambda found: found),
    ],
    lines=random_decoder,
)
