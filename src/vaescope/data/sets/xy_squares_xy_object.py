"""Squares on a grid: sets whose pixel distances say nothing, or much, about their factors."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import data_module_of
from vaescope.data.dataset import RenderedDataset
from vaescope.data.factors import Factors
from vaescope.data.smaller import Smaller, averaged
from vaescope.data.sources import source_of
from vaescope.errors import ConfigError
from vaescope.ranges import Count, Pixels

_SIDE = 64
# row numbers of a larger set would fill the memory
_MAX_IMAGES = 2**26

_RED, _GREEN, _BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
_YELLOW, _CYAN, _MAGENTA, _WHITE = (255, 255, 0), (0, 255, 255), (255, 0, 255), (255, 255, 255)
PALETTES = {
    "rainbow": (_RED, _YELLOW, _GREEN, _CYAN, _BLUE, _MAGENTA),
    "rgb": (_RED, _GREEN, _BLUE),
    "colors": (_RED, _GREEN, _BLUE, _YELLOW, _CYAN, _MAGENTA, _WHITE),
    "greys": (_WHITE,),
}


@dataclass(eq=False, repr=False)
class XYSquares(RenderedDataset):
    """262,144 images of a red, a green and a blue square on a grid, 64x64 pixels; computed.

    Each square has a channel of its own. As many positions as fit into the image are ``spacing``
    pixels apart, at most ``max_placements``, centred. If ``spacing`` is at least ``square_size``,
    as by default, squares at different positions share no pixel: any two images that differ in the
    position of one square are equally far apart, near or far as the positions may be. A smaller
    spacing makes near positions similar.

    Args:
        square_size: side of the squares, pixels.
        spacing: between neighbouring positions, pixels.
        num_squares: 1 (red), 2 (red, green) or 3.
        max_placements: most positions per axis.
        side: of the images in pixels; below 64 they are means over squares of pixels.

    Source: ``data_source``. Differs: 8 positions per axis at any spacing unless
    ``max_placements`` says more; there it is as many as fit.
    """

    data_source = source_of("xy_squares")

    image_shape = (3, _SIDE, _SIDE)
    source = "rendered exactly (vaescope xy squares 1)"

    square_size: Pixels = 8
    spacing: Count = 8
    num_squares: Annotated[int, Interval(ge=1, le=3)] = 3
    max_placements: Count = 8
    side: Smaller = 64

    def prepare(self) -> None:
        """Check the options; the factors ``x_1``, ``y_1``, ``x_2``, ... follow from them."""
        super().prepare()
        self.image_shape = (3, self.side, self.side)
        placements = min(self.max_placements, (_SIDE - self.square_size) // self.spacing + 1)
        num_images = placements ** (2 * self.num_squares)
        if num_images > _MAX_IMAGES:
            raise ConfigError(
                f"{self.num_squares} squares with {placements} positions per axis make "
                f"{num_images:,} images, at most {_MAX_IMAGES:,} can be served; lower "
                "max_placements or num_squares"
            )
        numbers = range(1, self.num_squares + 1)
        names = tuple(f"{axis}_{square}" for square in numbers for axis in "xy")
        self.factors = Factors(names, (placements,) * len(names), ("ordinal",) * len(names))
        # the squares' hull is in the middle, half a pixel up and left of it where it must be
        self._offset = (_SIDE - self.square_size - self.spacing * (placements - 1)) // 2

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, side, side]` in [0, 1] with factor values `[B, 2 * squares]`."""
        corners = self._offset + self.spacing * values.to(self.device)
        columns, rows = (_strips(corners[:, axis::2], self.square_size) for axis in (0, 1))
        squares = (rows[..., None] & columns[..., None, :]).float()
        empty = squares.new_zeros(len(values), 3 - squares.shape[1], _SIDE, _SIDE)
        return averaged(torch.cat([squares, empty], dim=1), self.side)


@dataclass(eq=False, repr=False)
class XYObject(RenderedDataset):
    """75,000 images of one square: position, size and colour, 64x64 pixels; computed.

    Squares of all sizes have their centres on one grid, whose neighbours are ``spacing`` pixels
    apart, as many as the largest one has room for. A palette is repeated in equal steps of
    brightness, the darkest first.

    Args:
        spacing: between neighbouring positions, pixels.
        min_size: smallest side, pixels.
        max_size: bound of the largest side, pixels.
        size_step: between sides, even, so that all have their centre in one place.
        palette: ``rainbow`` (red, yellow, green, cyan, blue, magenta), ``rgb``, ``colors`` (these
            seven: red, green, blue, yellow, cyan, magenta, white) or ``greys``.
        shades: steps of brightness.

    Source: ``data_source``. Differs: sizes whose squares cannot share a centre are refused;
    there, some are half a pixel off.
    """

    data_source = source_of("xy_object")

    image_shape = (3, _SIDE, _SIDE)
    source = "rendered exactly (vaescope xy object 1)"

    spacing: Count = 2
    min_size: Pixels = 7
    max_size: Pixels = 15
    size_step: Pixels = 2
    palette: Literal["rainbow", "rgb", "colors", "greys"] = "rainbow"
    shades: Annotated[int, Interval(ge=1, le=255)] = 4

    def prepare(self) -> None:
        """Check the options; factors ``x``, ``y``, ``scale`` and ``color`` follow from them."""
        super().prepare()
        extra = self.max_size - self.min_size
        if extra < 0:
            raise ConfigError(
                f"min_size={self.min_size}, max_size={self.max_size} were given; the smallest "
                "size must not be above the largest"
            )
        if extra % 2 or self.size_step % 2:
            raise ConfigError(
                f"size_step={self.size_step}, max_size - min_size={extra} were given; both must "
                "be even, so that squares of all sizes have the same centres"
            )
        placements = (_SIDE - self.max_size) // self.spacing + 1
        num_colours = len(PALETTES[self.palette]) * self.shades
        self.factors = Factors(
            names=("x", "y", "scale", "color"),
            sizes=(placements, placements, extra // self.size_step + 1, num_colours),
            kinds=("ordinal", "ordinal", "ordinal", "categorical"),
        )

    def load(self) -> None:
        """Make the tables of sizes and colours."""
        self._sizes = torch.arange(self.min_size, self.max_size + 1, self.size_step)
        colours = torch.tensor(PALETTES[self.palette])
        levels = [colours * shade // self.shades for shade in range(1, self.shades + 1)]
        self._colours = torch.cat(levels).float() / 255

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` in [0, 1] of factor values `[B, 4]`."""
        x, y, scale, colour = values.to(self.device).unbind(1)
        size = self._sizes[scale]
        corner = (self.max_size - size) // 2
        columns, rows = (_strips(self.spacing * place + corner, size) for place in (x, y))
        square = rows[:, None, :, None] & columns[:, None, None, :]
        return square * self._colours[colour][:, :, None, None]


XYSquaresDataModule = data_module_of(XYSquares)
XYObjectDataModule = data_module_of(XYObject)


def _strips(first: Tensor, size: Tensor | int) -> Tensor:
    """Which of 64 pixels lie in strips of ``size`` that begin at ``first`` `[...]`: `[..., 64]`."""
    end = first + size
    pixel = torch.arange(_SIDE, device=first.device)
    return (pixel >= first[..., None]) & (pixel < end[..., None])
