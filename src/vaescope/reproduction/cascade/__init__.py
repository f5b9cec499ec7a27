"""The cascade: latents of a VAE die one after another as beta rises, and come back as it falls."""

from vaescope.reproduction.cascade.claims import CLAIMS
from vaescope.reproduction.cascade.figures import CAPTION, cascade_figure
from vaescope.reproduction.cascade.sweeps import data_eigenvalues
from vaescope.reproduction.cascade.tables import tables_of
from vaescope.reproduction.paper import Drawing, Paper

PAPER = Paper(
    claims=CLAIMS,
    drawings={
        "cascade": Drawing(
            cascade_figure,
            ["*"],
            data_eigenvalues,
            numbers=lambda found: found,
            caption=CAPTION,
            of_numbers=True,
        )
    },
    own_tables=tables_of,
)
