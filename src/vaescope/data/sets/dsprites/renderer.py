"""dSprites drawn anew, bit by bit, without its file.

The official images came from vector shapes on a GPU. The geometry here was recovered by fitting
true frames: vertices snapped to the GPU's grid of 1/256 pixel, a pixel set if its centre is inside.
"""

from functools import cache
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vaescope.data.factors import Factors

RENDERER_VERSION = 1
FACTORS = Factors(
    names=("shape", "scale", "orientation", "position_x", "position_y"),
    sizes=(3, 6, 40, 32, 32),
    kinds=("categorical", "ordinal", "circular", "ordinal", "ordinal"),
)
SIDE = 64
_GRID = 256  # snapping steps per pixel
_HALF = 9.6  # half the square's side at scale 1, in pixels


class DSpritesRenderer:
    """dSprites images as a function of their factors, equal on every device.

    All arithmetic after the tables is on integers. Each edge of the outline toggles one pixel in
    every row it crosses; the parity of the toggles to the left says inside or outside.

    Source: Matthey et al. 2017, dSprites, https://github.com/deepmind/dsprites-dataset. Differs:
    redrawn; all 320 frames of the published animation agree in every pixel, the whole set has
    128,328,864 ones where the published one has 128,328,862.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.to(device)

    def to(self, device: torch.device | str) -> Self:
        """Move the tables to ``device``, in place; returns the renderer."""
        self.device = torch.device(device)
        self._tables = [(x.to(self.device), y.to(self.device)) for x, y in _tables()]
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return DSpritesRenderer, (self.device,)  # the tables, 8 MB, are made again

    @property
    def num_bytes(self) -> int:
        """Bytes of the tables."""
        return sum(x.nbytes + y.nbytes for x, y in self._tables)

    def render(self, factors: Tensor) -> Tensor:
        """Images uint8 `[B, 64, 64]` of 0 and 1, on the renderer's device, of values `[B, 5]`."""
        factors = factors.to(self.device)
        shape, scale, orientation, column, row = factors.unbind(1)
        pose = scale * FACTORS.sizes[2] + orientation
        toggles = torch.zeros(len(factors) * SIDE * SIDE, dtype=torch.uint8, device=self.device)
        for which, (x_table, y_table) in enumerate(self._tables):
            image = (shape == which).nonzero()[:, 0]
            x = x_table[pose[image], column[image]].int()
            y = y_table[pose[image], row[image]].int()
            _toggle(toggles, image, x, y, max_rows=_MAX_ROWS[which])
        return toggles.view(-1, SIDE, SIDE).cumsum(2, dtype=torch.uint8) & 1


# an edge of the ellipse or the heart is less than a pixel high, the square's at most 19.2 pixels
_MAX_ROWS = (20, 1, 1)


def _toggle(toggles: Tensor, image: Tensor, x: Tensor, y: Tensor, *, max_rows: int) -> None:
    """Add to ``toggles`` the crossings of closed outlines `[b, N]` with the rows' centre lines.

    A row is crossed if its centre is above (in y) the edge's upper end and not below its lower
    end; the pixel toggled is the first whose centre is not left of the crossing.
    """
    x_next, y_next = x.roll(-1, 1), y.roll(-1, 1)
    down = y <= y_next
    top, bottom = torch.where(down, y, y_next), torch.where(down, y_next, y)
    left, right = torch.where(down, x, x_next), torch.where(down, x_next, x)
    steps = torch.arange(max_rows, dtype=torch.int32, device=x.device)
    rows = ((top + _GRID // 2) >> 8)[..., None] + steps  # [b, N, R]
    depth = rows * _GRID + _GRID // 2 - top[..., None]
    height = (bottom - top)[..., None]
    crossed = depth <= height
    # what is not crossed adds zero, but needs a divisor and a place inside the image
    height = torch.where(crossed, height, 1)
    depth = torch.where(crossed, depth, 0)
    run = (left - _GRID // 2)[..., None] * height + depth * (right - left)[..., None]
    divisor = height * _GRID
    columns = torch.div(run + divisor - 1, divisor, rounding_mode="trunc")  # run >= 0: ceiling
    pixel = image[:, None, None] * (SIDE * SIDE) + rows.clamp_max(SIDE - 1) * SIDE + columns
    toggles.scatter_add_(0, pixel.flatten(), crossed.to(torch.uint8).flatten())


@cache
def _tables() -> list[tuple[Tensor, Tensor]]:
    """Per shape snapped x `[240, 32, N]` and y `[240, 32, N]` of the N vertices, int16.

    240 poses (scale, orientation) and 32 positions: x does not depend on the position in y.
    """
    positions = 16 + 32 * np.linspace(0, 1, FACTORS.sizes[3])
    tables = []
    for outline in (_square(), _ellipse(), _heart()):
        corners = _pose(outline)[:, None] + positions[None, :, None, None]
        snapped = np.floor(corners * _GRID + 0.5).astype(np.int16)
        x, y = (np.ascontiguousarray(snapped[..., axis]) for axis in (0, 1))
        tables.append((torch.from_numpy(x), torch.from_numpy(y)))
    return tables


def _pose(outline: np.ndarray) -> np.ndarray:
    """Scaled, then counter-clockwise turned outlines `[240, N, 2]` (y points down)."""
    scales = np.linspace(0.5, 1, FACTORS.sizes[1])[:, None, None]
    angles = np.linspace(0, 2 * np.pi, FACTORS.sizes[2])[:, None]
    cos, sin = np.cos(angles), np.sin(angles)
    x, y = outline.T
    turned = np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)  # [40, N, 2]
    return (scales[..., None] * turned).reshape(-1, *outline.shape)


def _square() -> np.ndarray:
    return _HALF * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _ellipse() -> np.ndarray:
    t = _angles(100)
    return np.stack([_HALF * 1.33 * np.cos(t), _HALF / 1.33 * np.sin(t)], axis=1)


def _heart() -> np.ndarray:
    t = _angles(150)
    up = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([_HALF * np.sin(t) ** 3, -(2 * _HALF / 29 * up + 0.15 * _HALF)], axis=1)


def _angles(n: int) -> np.ndarray:
    return np.arange(n) * (2 * np.pi / n)
