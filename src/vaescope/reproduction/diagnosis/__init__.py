"""The claim itself: what a diagnosis predicts against what beta-VAEs reach, over many sets."""

from vaescope.reproduction.diagnosis.beforehand import with_diagnosed_beta
from vaescope.reproduction.diagnosis.claims import CLAIMS
from vaescope.reproduction.diagnosis.scatter import CAPTION, scatter_figure
from vaescope.reproduction.diagnosis.sets import found_beforehand
from vaescope.reproduction.diagnosis.tables import tables_of
from vaescope.reproduction.paper import Drawing, Paper

PAPER = Paper(
    claims=CLAIMS,
    drawings={"scatter": Drawing(scatter_figure, caption=CAPTION)},
    decide=with_diagnosed_beta,
    beside=found_beforehand,
    own_tables=tables_of,
)
