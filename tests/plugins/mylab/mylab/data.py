"""A data set of ours."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data import Factors, RenderedDataset, data_module_of


@dataclass(eq=False, repr=False)
class Stripes(RenderedDataset):
    """1,024 images of an upright and a level stripe, 32x32 pixels; factors are their positions.

    Args:
        brightness: of the stripes; where they cross it is doubled.
    """

    image_shape = (1, 32, 32)
    source = "computed exactly (mylab stripes 1)"
    factors = Factors(names=("x", "y"), sizes=(32, 32), kinds=("ordinal", "ordinal"))

    brightness: Annotated[float, Interval(gt=0, le=0.5)] = 0.5

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 1, 32, 32]` in [0, 1] of factor values `[B, 2]`."""
        upright, level = torch.nn.functional.one_hot(values.to(self.device).long(), 32).unbind(1)
        return self.brightness * (upright[:, None, None, :] + level[:, None, :, None]).float()


StripesDataModule = data_module_of(Stripes)
