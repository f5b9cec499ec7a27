"""Squares on a grid: sets whose pixel distances say nothing, or much, about their factors."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor

from vaescope.data.datamodule import FactorDataModule
from vaescope.data.dataset import FactorDataset
from vaescope.data.factors import Factors
from vaescope.data.sets.synthetic.vectors import require
from vaescope.errors import ConfigError
from vaescope.ranges import Pixels

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


class XYSquares(FactorDataset):
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

    Raises:
        ConfigError: an argument is out of range, or there would be too many images.

    Source: Michlo, Klein, James 2022, "Overlooked Implications of the Reconstruction Loss for VAE
    Disentanglement", https://arxiv.org/abs/2202.13341; sizes as in the authors' program,
    https://github.com/nmichlo/disent. Differs: 8 positions per axis at any spacing unless
    ``max_placements`` says more; there it is as many as fit.
    """

    image_shape = (3, _SIDE, _SIDE)
    source = "rendered exactly (vaescope xy squares 1)"

    def __init__(
        self,
        square_size: int = 8,
        spacing: int = 8,
        num_squares: int = 3,
        max_placements: int = 8,
    ) -> None:
        self.factors = xy_squares_factors(square_size, spacing, num_squares, max_placements)
        self._size, self._spacing = square_size, spacing
        # the squares' hull is in the middle, half a pixel up and left of it where it must be
        self._offset = (_SIDE - square_size - spacing * (self.factors.sizes[0] - 1)) // 2

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` of 0 and 1 with factor values `[B, 2 * squares]`."""
        corners = self._offset + self._spacing * values.to(self.device)
        columns, rows = _strips(corners[:, 0::2], self._size), _strips(corners[:, 1::2], self._size)
        squares = (rows[..., None] & columns[..., None, :]).float()
        empty = squares.new_zeros(len(values), 3 - squares.shape[1], _SIDE, _SIDE)
        return torch.cat([squares, empty], dim=1)


class XYObject(FactorDataset):
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

    Raises:
        ConfigError: an argument is out of range.

    Source: Michlo 2021, "Disent", https://github.com/nmichlo/disent, XYObject with its palette
    ``rainbow_4``. Differs: sizes whose squares cannot share a centre are refused; there, some are
    half a pixel off.
    """

    image_shape = (3, _SIDE, _SIDE)
    source = "rendered exactly (vaescope xy object 1)"

    def __init__(
        self,
        spacing: int = 2,
        min_size: int = 7,
        max_size: int = 15,
        size_step: int = 2,
        palette: str = "rainbow",
        shades: int = 4,
    ) -> None:
        self.factors = xy_object_factors(spacing, min_size, max_size, size_step, palette, shades)
        self._spacing, self._max_size = spacing, max_size
        self._sizes = torch.arange(min_size, max_size + 1, size_step)
        colours = torch.tensor(PALETTES[palette])
        levels = [colours * shade // shades for shade in range(1, shades + 1)]
        self._colours = torch.cat(levels).float() / 255

    def images(self, values: Tensor) -> Tensor:
        """Images float32 `[B, 3, 64, 64]` in [0, 1] of factor values `[B, 4]`."""
        x, y, scale, colour = values.to(self.device).unbind(1)
        size = self._sizes[scale]
        corner = (self._max_size - size) // 2
        columns = _strips(self._spacing * x + corner, size)
        rows = _strips(self._spacing * y + corner, size)
        square = rows[:, None, :, None] & columns[:, None, None, :]
        return square * self._colours[colour][:, :, None, None]


def xy_squares_factors(
    square_size: int, spacing: int, num_squares: int, max_placements: int
) -> Factors:
    """Factors ``x_1``, ``y_1``, ``x_2``, ... of ``XYSquares``; the arguments are its own.

    Raises:
        ConfigError: an argument is out of range, or there would be too many images.
    """
    require(1 <= square_size <= _SIDE, f"square_size={square_size}", f"in 1..{_SIDE}")
    require(spacing >= 1, f"spacing={spacing}", "at least 1")
    require(1 <= num_squares <= 3, f"num_squares={num_squares}", "1, 2 or 3")
    require(max_placements >= 1, f"max_placements={max_placements}", "at least 1")
    placements = min(max_placements, (_SIDE - square_size) // spacing + 1)
    num_images = placements ** (2 * num_squares)
    if num_images > _MAX_IMAGES:
        raise ConfigError(
            f"{num_squares} squares with {placements} positions per axis make {num_images:,} "
            f"images, at most {_MAX_IMAGES:,} can be served; lower max_placements or num_squares"
        )
    names = [f"{axis}_{square}" for square in range(1, num_squares + 1) for axis in "xy"]
    return Factors(tuple(names), (placements,) * len(names), ("ordinal",) * len(names))


def xy_object_factors(
    spacing: int, min_size: int, max_size: int, size_step: int, palette: str, shades: int
) -> Factors:
    """Factors ``x``, ``y``, ``scale`` and ``color`` of ``XYObject``; the arguments are its own.

    Raises:
        ConfigError: an argument is out of range.
    """
    require(spacing >= 1, f"spacing={spacing}", "at least 1")
    require(
        1 <= min_size <= max_size <= _SIDE,
        f"min_size={min_size}, max_size={max_size}",
        f"1 <= min_size <= max_size <= {_SIDE}",
    )
    require(
        size_step >= 1 and (max_size - min_size) % 2 == size_step % 2 == 0,
        f"size_step={size_step}, max_size - min_size={max_size - min_size}",
        "even both, so that squares of all sizes have the same centres",
    )
    require(palette in PALETTES, f"palette={palette!r}", f"one of {', '.join(PALETTES)}")
    require(1 <= shades <= 255, f"shades={shades}", "in 1..255")
    placements = (_SIDE - max_size) // spacing + 1
    sizes = (max_size - min_size) // size_step + 1
    return Factors(
        names=("x", "y", "scale", "color"),
        sizes=(placements, placements, sizes, len(PALETTES[palette]) * shades),
        kinds=("ordinal", "ordinal", "ordinal", "categorical"),
    )


@dataclass(kw_only=True, eq=False, repr=False)
class XYSquaresDataModule(FactorDataModule):
    """Batches of ``XYSquares``.

    Args:
        square_size: side of the squares, pixels.
        spacing: between neighbouring positions, pixels; below ``square_size`` they overlap.
        num_squares: 1, 2 or 3.
        max_placements: most positions per axis.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = XYSquares

    square_size: Pixels = 8
    spacing: Pixels = 8
    num_squares: Annotated[int, Interval(ge=1, le=3)] = 3
    max_placements: Pixels = 8

    @property
    def factors(self) -> Factors:
        """What the images vary in; known before ``setup``."""
        return xy_squares_factors(
            self.square_size, self.spacing, self.num_squares, self.max_placements
        )

    def build(self) -> XYSquares:
        """The data set."""
        return XYSquares(self.square_size, self.spacing, self.num_squares, self.max_placements)


@dataclass(kw_only=True, eq=False, repr=False)
class XYObjectDataModule(FactorDataModule):
    """Batches of ``XYObject``.

    Args:
        spacing: between neighbouring positions, pixels.
        min_size: smallest side, pixels.
        max_size: bound of the largest side, pixels.
        size_step: between sides, even.
        palette: ``rainbow``, ``rgb``, ``colors`` or ``greys``.
        shades: steps of brightness.

    The other arguments are those of ``FactorDataModule``.
    """

    dataset_class = XYObject

    spacing: Pixels = 2
    min_size: Pixels = 7
    max_size: Pixels = 15
    size_step: Pixels = 2
    palette: str = "rainbow"
    shades: Annotated[int, Interval(ge=1, le=255)] = 4

    @property
    def factors(self) -> Factors:
        """What the images vary in; known before ``setup``."""
        return xy_object_factors(
            self.spacing, self.min_size, self.max_size, self.size_step, self.palette, self.shades
        )

    def build(self) -> XYObject:
        """The data set."""
        return XYObject(
            self.spacing, self.min_size, self.max_size, self.size_step, self.palette, self.shades
        )


def _strips(first: Tensor, size: Tensor | int) -> Tensor:
    """Which of 64 pixels lie in strips of ``size`` that begin at ``first`` `[...]`: `[..., 64]`."""
    end = first + size
    pixel = torch.arange(_SIDE, device=first.device)
    return (pixel >= first[..., None]) & (pixel < end[..., None])
