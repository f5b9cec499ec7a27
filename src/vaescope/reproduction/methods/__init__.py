"""All methods on the same sets: one budget, one rule for the weight, several seeds."""

from vaescope.reproduction.methods import figures
from vaescope.reproduction.methods.claims import CLAIMS
from vaescope.reproduction.methods.tables import tables_of
from vaescope.reproduction.methods.weights import found_beforehand, with_chosen_weights
from vaescope.reproduction.paper import Drawing, Paper

PAPER = Paper(
    claims=CLAIMS,
    drawings={
        "methods": Drawing(figures.bars_figure, caption=figures.BARS),
        "scatter": Drawing(figures.scatter_figure, caption=figures.SCATTER),
    },
    decide=with_chosen_weights,
    beside=found_beforehand,
    own_tables=tables_of,
)
