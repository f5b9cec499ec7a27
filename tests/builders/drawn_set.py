"""A small set with a factor of each kind, drawn from its factor values."""

from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors

FACTORS = Factors(
    ("size", "angle", "constant", "shape"),
    (4, 5, 1, 3),
    ("ordinal", "circular", "ordinal", "categorical"),
)


class Grid(RenderedDataset):
    """60 images of one pixel, each the number of its row."""

    factors = FACTORS
    image_shape = (1,)
    source = "drawn in a test"

    def images(self, values):
        return self.factors.index(values)[:, None].float()
