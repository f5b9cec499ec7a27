"""Smooth sprites: any number of shapes, as differentiable functions of size, turn and place."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import Points
from vaescope.data.sources import source_of
from vaescope.ranges import Rows, Width
from vaescope.streams import stream

_WAVES = (2, 3, 4, 5)  # around a shape; none: a disc. One alone would only move it
_DEEPEST = 0.6  # how far the waves together reach, in radii
_REACH = (0.08, 0.16)  # radii, as shares of the image's side
_PLACES = (0.3, 0.7)  # of centres: no shape is cut off


@dataclass(eq=False, repr=False)
class SmoothSprites(Points):
    """A white shape on black, anti-aliased, with dx/dw at any value of its continuous factors.

    A shape is what lies inside a curve about its centre, r(phi) = R (1 + sum_k a_k cos(k phi +
    b_k)), k = 2 ... 5, the a and b of each shape drawn at random: there are as many shapes as one
    asks for. A pixel is a logistic function of its distance from the curve, so that images are
    smooth in the factors everywhere.

    Args:
        side: pixels, 16 to 256.
        num_shapes: how many; the first is a disc.
        edge: width of the border from black to white, pixels: the logistic function's scale.
        turn: largest rotation, degrees; below 360, so that the factor is no circle.

    Source: ``data_source``. Differs: ours; curves of four waves instead of splines, smooth edges,
    continuous factors in a bounded range, and derivatives.
    """

    data_source = source_of("smooth_sprites")

    name = "smooth_sprites"
    differentiable = True

    num_points: Rows = 100_000
    side: Annotated[int, Interval(ge=16, le=256)] = 64
    num_shapes: Width = 3
    edge: Annotated[float, Interval(ge=0.1, le=8)] = 0.5
    turn: Annotated[float, Interval(gt=0, lt=360)] = 90.0

    def prepare(self) -> None:
        """The factors, of so many shapes, and the images' shape."""
        super().prepare()
        names = ("shape", "scale", "orientation", "position_x", "position_y")
        kinds = ("categorical", *("continuous",) * 4)
        self.factors = Factors(names, (self.num_shapes, 0, 0, 0, 0), kinds)
        self.image_shape = (1, self.side, self.side)

    def load(self) -> None:
        """Draw the points and the shapes."""
        super().load()
        rng = stream(self.data_seed, f"{self.name}/shapes")
        depths = rng.normal(size=(self.num_shapes, len(_WAVES))) / _WAVES
        reach = _DEEPEST * rng.uniform(0.3, 1, (self.num_shapes, 1))
        depths *= reach / np.abs(depths).sum(1, keepdims=True)
        depths[0] = 0
        self._depths = torch.from_numpy(depths)
        self._phases = torch.from_numpy(rng.uniform(0, 2 * math.pi, depths.shape))

    def images(self, values: Tensor) -> Tensor:
        """Images `[B, 1, side, side]` in [0, 1] of values `[B, 5]`; of float64 in float64."""
        values = values.to(self.device)
        values = values if values.dtype == torch.float64 else values.float()
        scale, orientation, *place = values[:, 1:, None, None].unbind(1)
        x, y = (self.side * _between(_PLACES, share) for share in place)
        pixels = torch.arange(self.side, device=values.device, dtype=values.dtype) + 0.5
        right, down = pixels - x, pixels[:, None] - y
        away = (right**2 + down**2 + self.edge**2).sqrt()  # smooth at the centre, too
        number, angle = values[:, 0].long(), math.radians(self.turn) * orientation
        radius, slope = self._curve(number, angle, right / away, down / away)
        along = 1 + (slope / radius) ** 2
        distance = (away - self.side * _between(_REACH, scale) * radius) / along.sqrt()
        return torch.sigmoid(-distance / self.edge)[:, None]

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images of the rows ``index`` `[B]`, computed at each call."""
        return self.images(self.values(index))

    def _curve(
        self, number: Tensor, angle: Tensor, cosine: Tensor, sine: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Radius of turned shapes in units of R, and its slope, in directions `[B, side, side]`."""
        depths, phases = (t[number].to(cosine.dtype) for t in (self._depths, self._phases))
        radius, slope = torch.ones_like(cosine), torch.zeros_like(cosine)
        wave = cosine, sine  # cos(k phi), sin(k phi), from k to k + 1
        for k in range(2, _WAVES[-1] + 1):
            wave = (wave[0] * cosine - wave[1] * sine, wave[1] * cosine + wave[0] * sine)
            depth = depths[:, k - 2, None, None]
            shift = phases[:, k - 2, None, None] - k * angle
            radius = radius + depth * (wave[0] * shift.cos() - wave[1] * shift.sin())
            slope = slope - k * depth * (wave[1] * shift.cos() + wave[0] * shift.sin())
        return radius, slope


def _between(ends: tuple[float, float], share: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * share


SmoothSpritesDataModule = data_module_of(SmoothSprites)
