"""Three dots that move independently of each other: continuous factors, computed images."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import Points
from vaescope.data.sources import source_of
from vaescope.ranges import Rows

_SIDE = 64


@dataclass(eq=False, repr=False)
class ThreeDots(Points):
    """Images of three black dots on white, grey, 64x64 pixels, with continuous positions; computed.

    Factors are the dots' centres: 0 is the left or upper border of the image, 1 the right or lower
    one, so dots may be cut off; they may overlap, too. A pixel's darkness is the share of it that
    a dot covers, exactly; so images are continuously differentiable in their factors wherever no
    two dots meet.

    Args:
        radius: of the dots, as a share of the image's side.

    Source: ``data_source``. Differs: continuous positions, there 64 along each axis; exact
    areas, there 10 x 10 points per pixel; where the borders of two dots share a pixel their
    shares of it are taken as independent.
    """

    data_source = source_of("three_dots")

    factors = Factors(
        names=("x_1", "y_1", "x_2", "y_2", "x_3", "y_3"),
        sizes=(0,) * 6,
        kinds=("continuous",) * 6,
    )
    image_shape = (1, _SIDE, _SIDE)

    name = "three_dots"

    num_points: Rows = 500_000
    radius: Annotated[float, Interval(gt=0, le=0.5)] = 0.08

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 1, 64, 64]` in [0, 1] of factor values `[B, 6]`."""
        centres = values.to(self.device, torch.float32).view(len(values), 3, 2) * _SIDE
        uncovered = 1 - covered_shares(centres, self.radius * _SIDE)
        return uncovered.prod(1, keepdim=True)

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 1, 64, 64]` of the rows ``index`` `[B]`, computed at each call."""
        return self.images(self.values(index))


def covered_shares(centres: Tensor, radius: float) -> Tensor:
    """Share float32 `[..., 64, 64]` of every pixel that a disc covers, its exact area.

    Centres are x and y `[..., 2]` in pixels from the upper left corner, the radius is in pixels.
    """
    borders = torch.arange(_SIDE + 1, device=centres.device)
    x, y = ((borders - c).clamp(-radius, radius) for c in centres.split(1, -1))
    # the area of a corner region {u <= x, v <= y} of the disc; that of the pixels are differences
    cut = _half_chord(y, radius)  # the circle is at height y at -cut and at cut
    under = _area_under_arc(x, _half_chord(x, radius), radius)[..., None, :]
    end = _area_under_arc(cut, y.abs(), radius)[..., None]
    y, cut = y[..., None], cut[..., None]
    width = x[..., None, :].clamp(-cut, cut) + cut
    segment = under.clamp(-end, end) + end - y.abs() * width
    # below the centre what is not in the segment; but for a term without x, which cancels
    corner = torch.where(y > 0, 2 * under - segment, segment)
    return corner.diff(dim=-1).diff(dim=-2).clamp_(0, 1)


def _half_chord(distance: Tensor, radius: float) -> Tensor:
    """Half the length of a circle's chord at a ``distance`` from its centre."""
    return ((radius - distance) * (radius + distance)).sqrt()


def _area_under_arc(x: Tensor, height: Tensor, radius: float) -> Tensor:
    """Area between a circle's arc and diameter from its middle to (x, height), signed like x."""
    return (x * height + radius**2 * torch.atan2(x, height)) / 2


ThreeDotsDataModule = data_module_of(ThreeDots)
