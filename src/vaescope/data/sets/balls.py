"""Two coloured balls: the sum of two images wherever they do not touch."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import Points
from vaescope.data.sets.three_dots import covered_shares
from vaescope.data.sources import source_of
from vaescope.ranges import Rows
from vaescope.streams import stream

_SIDE = 64
_LOWEST, _RANGE = 0.1, 0.8  # of the centres, as shares of the image's side
_COLOURS = (2, 156, 154), (222, 100, 100)


@dataclass(eq=False, repr=False)
class Balls(Points):
    """Images of two coloured balls on white, 64x64 pixels, with continuous positions; computed.

    A factor in [0, 1] is a ball's place between 0.1 and 0.9 of the image's side: ``x`` from the
    left, ``y`` from below. A pixel has a ball's colour by the share of it that the ball covers,
    exactly. Where balls do not touch, the image is white plus one image for each ball, which is
    what an additive decoder can make. With ``hold_out=recombination`` training never sees both
    balls in the upper half.

    Args:
        axes: ``vertical``: the balls move up and down at 1/4 and 3/4 of the width, factors
            ``y_1``, ``y_2``; ``both``: they move freely, factors ``x_1``, ``y_1``, ``x_2``,
            ``y_2``, but never overlap, so factors depend on each other.
        radius: of the balls, as a share of the image's side.

    Source: ``data_source``. Differs: continuous positions and exact areas; its code cuts
    centres and radius to whole pixels, which leaves 51 positions along an axis and a radius of
    10/64.

    Example:
        >>> low_and_high = Balls(num_points=2).images(torch.tensor([[0.0, 1.0]]))
        >>> (255 * low_and_high[0, :, [57, 6], [16, 48]].T).round().int().tolist()
        [[2, 156, 154], [222, 100, 100]]
    """

    data_source = source_of("balls")

    image_shape = (3, _SIDE, _SIDE)
    name = "balls"

    num_points: Rows = 50_000
    axes: Literal["vertical", "both"] = "vertical"
    radius: Annotated[float, Interval(gt=0, le=0.2)] = 0.16

    def prepare(self) -> None:
        """Check the options; the factors follow from ``axes``."""
        super().prepare()
        names = ("y_1", "y_2") if self.axes == "vertical" else ("x_1", "y_1", "x_2", "y_2")
        self.factors = Factors(names, (0,) * len(names), ("continuous",) * len(names))

    def load(self) -> None:
        """Draw the points, and those of balls that overlap until they do not."""
        super().load()
        rng = stream(self.data_seed, f"{self.name}/apart")
        while len(overlapping := self._overlap(self._points).nonzero()[:, 0]):
            self._points[overlapping] = self.factors.sample(len(overlapping), rng)

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` in [0, 1] of factor values `[B, K]`."""
        shares = covered_shares(self._centres(values) * _SIDE, self.radius * _SIDE)
        image = torch.ones(len(values), *self.image_shape, device=self.device)
        for share, colour in zip(shares.unbind(1), _COLOURS, strict=True):
            paint = torch.tensor(colour, device=self.device).view(3, 1, 1) / 255
            image = image + share[:, None] * (paint - image)
        return image

    def images_at(self, index: Tensor, draw: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` of the rows ``index`` `[B]`, computed at each call."""
        return self.images(self.values(index))

    def _centres(self, values: Tensor) -> Tensor:
        """Centres of the balls, x and y `[B, 2, 2]` in [0, 1], y from above."""
        place = _LOWEST + _RANGE * values.to(self.device, torch.float32)
        if self.axes == "vertical":
            x = place.new_tensor([0.25, 0.75]).expand_as(place)
            return torch.stack([x, 1 - place], -1)
        x, y = place.view(len(values), 2, 2).unbind(-1)
        return torch.stack([x, 1 - y], -1)

    def _overlap(self, values: Tensor) -> Tensor:
        """Which points have balls that share some place, bool `[B]`."""
        return self._centres(values).diff(dim=1).norm(dim=-1)[:, 0] < 2 * self.radius


BallsDataModule = data_module_of(Balls)
