"""Two panels that brighten and darken: the smallest images that a VAE disentangles."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors
from vaescope.data.sources import source_of
from vaescope.ranges import Count

_SIDE = 16
_LEVELS = 32


@dataclass(eq=False, repr=False)
class Panels(RenderedDataset):
    """1,024 images of two grey panels, 16x16 pixels; factors are their brightness; computed.

    A panel's brightness takes 32 equal steps around 1/2, of the standard deviation ``amplitude``;
    all other pixels are 1/2. Images are linear in the factors, whose directions in pixel space are
    orthogonal: the panels' sizes alone decide whether these are the principal directions (sizes
    that differ) or any rotation is as good (equal sizes).

    Args:
        first: pixels of the first panel.
        second: pixels of the second panel; both together at most 256.
        amplitude: standard deviation of a panel's brightness over its 32 values.
        turn: degrees by which the panels' brightness is turned against the factors: at 45 each
            panel shows a sum of both, and a VAE finds the panels, not the factors.

    Raises:
        ConfigError: an argument is out of range, or the panels do not fit.

    Example:
        >>> image = Panels().images(torch.tensor([[0, 31]]))
        >>> [round(x, 4) for x in image[0, 0, [0, 5, 15], 0].tolist()]
        [0.1643, 0.8357, 0.5]
    """

    data_source = source_of("panels")

    image_shape = (1, _SIDE, _SIDE)
    source = "computed exactly (vaescope panels 1)"
    factors = Factors(("first", "second"), (_LEVELS, _LEVELS), ("ordinal", "ordinal"))

    first: Annotated[int, Interval(ge=1, le=128)] = 80
    second: Annotated[int, Interval(ge=1, le=128)] = 48
    amplitude: Annotated[float, Interval(gt=0, le=0.2)] = 0.2
    turn: Annotated[float, Interval(ge=-180, le=180)] = 0.0

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 1, 16, 16]` in [0, 1] of factor values `[B, 2]`."""
        spread = math.sqrt((_LEVELS**2 - 1) / 12)
        level = (values.to(self.device, torch.float32) - (_LEVELS - 1) / 2) / spread
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        shown = level @ torch.tensor([[cos, sin], [-sin, cos]], device=self.device)
        pixels = torch.full((len(values), _SIDE**2), 0.5, device=self.device)
        pixels[:, : self.first] += self.amplitude * shown[:, :1]
        pixels[:, self.first : self.first + self.second] += self.amplitude * shown[:, 1:]
        return pixels.view(len(values), *self.image_shape)


class PanelsDataModule(FactorDataModule):
    """Batches of ``Panels``."""

    dataset_class = Panels

    batch_size: Count = 256
