"""Codes of which is known what is wrong with them, and how much: what scores are tried on.

The ways to fail are those of Zaidi et al. 2020, https://arxiv.org/abs/2012.09276, and a few more.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaescope.errors import ConfigError

VARIANCE = 0.01  # of the posteriors of codes without noise; latents have variance 1
REFERENCE = "perfect"
MEDIUM = "medium"  # what few rows and new names are tried on: not perfect, so that it can rise
_MEDIUM_NOISE, _MEDIUM_ANGLE = 0.25, 10.0


@dataclass(frozen=True)
class KnownCode:
    """Codes with their factors, and what was done to them."""

    name: str
    change: str  # name of the `Change`; of references their own
    amount: float  # of the change, in its unit; 0: none
    codes: Tensor  # [N, D], float64
    factors: Tensor  # [N, K], int64
    variance: Tensor  # of the posteriors [N, D]


@dataclass(frozen=True)
class FactorGrid:
    """All combinations of factors, each equally often, and their perfect code."""

    sizes: tuple[int, ...]  # values of each factor [K]
    factors: Tensor  # [N, K], int64
    seed: int  # of the noise

    @property
    def perfect(self) -> Tensor:
        """A latent for each factor, its value standardised [N, K]."""
        return standardised(self.factors)

    def noise(self, columns: int) -> Tensor:
        """Standard normal numbers [N, columns], the same ones at each call."""
        generator = torch.Generator().manual_seed(self.seed)
        shape = len(self.factors), columns
        return torch.randn(shape, generator=generator, dtype=torch.float64)


def factor_grid(sizes: Sequence[int], rows: int, seed: int = 0) -> FactorGrid:
    """All combinations as often as they fit into ``rows``; fewer rows are drawn from them.

    Args:
        sizes: values of each factor [K], at least 2 factors of at least 2.
        rows: at most.
        seed: of rows and noise.

    Raises:
        ConfigError: for a single factor.
    """
    if len(sizes) < 2:
        raise ConfigError(f"sizes={list(sizes)}: give at least two factors, such as [3,4,5,8]")
    every = math.prod(sizes)
    if every <= rows:
        number = torch.arange(every).repeat(rows // every)
    else:
        number = torch.randperm(every, generator=torch.Generator().manual_seed(seed))[:rows]
    columns = []
    for size in reversed(sizes):
        columns.append(number % size)
        number = number // size
    return FactorGrid(tuple(sizes), torch.stack(columns[::-1], 1), seed)


def standardised(values: Tensor) -> Tensor:
    """Columns [N, M] of mean 0 and standard deviation 1; constant ones become 0."""
    centred = values.double() - values.double().mean(0)
    std = centred.square().mean(0).sqrt()
    return centred / std.where(std > 0, 1.0)


Made = tuple[Tensor, Tensor | float]  # codes [N, D]; variances [N, D], or one for all


def rotate(codes: Tensor, degrees: float) -> Tensor:
    """Latents 1 and 2, 3 and 4, ... turned into each other; the last of an odd number stays."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = codes.clone()
    for first in range(0, codes.shape[1] - 1, 2):
        a, b = codes[:, first], codes[:, first + 1]
        turned[:, first], turned[:, first + 1] = cos * a - sin * b, sin * a + cos * b
    return turned


def add_noise(grid: FactorGrid, std: float) -> Made:
    """Normal noise of this standard deviation in every latent, which the posterior knows of."""
    codes = grid.perfect
    return codes + std * grid.noise(codes.shape[1]), VARIANCE + std**2


def copy_latents(codes: Tensor, count: int) -> Tensor:
    """The first ``count`` latents once more, behind the others."""
    return torch.cat([codes, codes[:, :count]], 1)


def split_factors(grid: FactorGrid, count: int) -> Tensor:
    """Of the ``count`` factors of most values, a latent for each binary digit of the value."""
    order = sorted(range(len(grid.sizes)), key=lambda k: -grid.sizes[k])[:count]
    columns = []
    for place, size in enumerate(grid.sizes):
        digits = (size - 1).bit_length() if place in order else 1
        values = grid.factors[:, place : place + 1]
        columns.append(values >> torch.arange(digits) & 1 if place in order else values)
    return standardised(torch.cat(columns, 1))


def share_latents(grid: FactorGrid, count: int) -> Tensor:
    """Each of ``count`` pairs of neighbouring factors in one latent that tells them all apart."""
    columns, place = [], 0
    while place < len(grid.sizes):
        value = grid.factors[:, place]
        if count > 0 and place + 1 < len(grid.sizes):
            value = value * grid.sizes[place + 1] + grid.factors[:, place + 1]
            place, count = place + 1, count - 1
        columns.append(value)
        place += 1
    return standardised(torch.stack(columns, 1))


def add_dead(grid: FactorGrid, count: int) -> Made:
    """Constant latents beside the others, whose posteriors are the prior."""
    codes = grid.perfect
    dead = codes.new_zeros(len(codes), count)
    return torch.cat([codes, dead], 1), torch.cat([torch.full_like(codes, VARIANCE), dead + 1], 1)


def bend(codes: Tensor, power: float) -> Tensor:
    """The power of each value's size, with its sign: a monotone map of each latent."""
    return standardised(codes.sign() * codes.abs() ** power)


@dataclass(frozen=True)
class Change:
    """One way to spoil a perfect code, by growing amounts."""

    name: str
    unit: str  # what an amount is
    amounts: Callable[[FactorGrid], Sequence[float]]  # growing, above `unchanged`
    make: Callable[[FactorGrid, float], Made]
    unchanged: float = 0.0  # the amount that changes nothing


def _up_to(most: Callable[[FactorGrid], int]) -> Callable[[FactorGrid], Sequence[float]]:
    return lambda grid: list(range(1, most(grid) + 1))


CHANGES = (
    Change(
        "rotation",
        "degrees by which pairs of latents are turned",
        lambda grid: (5, 10, 15, 22.5, 30, 37.5, 45),
        lambda grid, degrees: (rotate(grid.perfect, degrees), VARIANCE),
    ),
    Change(
        "noise",
        "standard deviation of noise in each latent, of 1",
        lambda grid: (0.1, 0.25, 0.5, 1, 2),
        add_noise,
    ),
    Change(
        "copies",
        "latents that are there twice",
        _up_to(lambda grid: len(grid.sizes)),
        lambda grid, count: (copy_latents(grid.perfect, int(count)), VARIANCE),
    ),
    Change(
        "splits",
        "factors that are spread over binary digits",
        _up_to(lambda grid: sum(size > 2 for size in grid.sizes)),
        lambda grid, count: (split_factors(grid, int(count)), VARIANCE),
    ),
    Change(
        "shared latents",
        "pairs of factors in one latent",
        _up_to(lambda grid: len(grid.sizes) // 2),
        lambda grid, count: (share_latents(grid, int(count)), VARIANCE),
    ),
    Change(
        "missing",
        "factors without a latent",
        _up_to(lambda grid: len(grid.sizes) - 1),
        lambda grid, count: (grid.perfect[:, int(count) :], VARIANCE),
    ),
    Change(
        "dead latents",
        "constant latents beside the others",
        lambda grid: (1, 2, 4, 8),
        lambda grid, count: add_dead(grid, int(count)),
    ),
    Change(
        "noise latents",
        "latents of noise alone beside the others",
        lambda grid: (1, 2, 4, 8),
        lambda grid, count: (
            torch.cat([grid.perfect, grid.noise(int(count))], 1),
            VARIANCE,
        ),
    ),
    Change(
        "bending",
        "power of each latent's value",
        lambda grid: (2, 3, 5),
        lambda grid, power: (bend(grid.perfect, power), VARIANCE),
        unchanged=1.0,
    ),
)
FEW_ROWS = "few rows"
FEW_ROWS_UNIT = "times as few rows, of the medium code"
_FEWER = (2, 4, 8, 16)
SHUFFLES = 3
# what changes no meaning, of the medium code: what each does to it, and to its variances
NEW_NAMES = ("another order", "other signs", "other scales", "a monotone map")


def known_codes(grid: FactorGrid) -> Iterator[KnownCode]:
    """The perfect and the medium code, every change of them, and codes beside shuffled factors."""
    yield _known(grid, REFERENCE, REFERENCE, 0, (grid.perfect, VARIANCE))
    for change in CHANGES:
        for amount in change.amounts(grid):
            name = f"{change.name} {amount:g}"
            yield _known(grid, name, change.name, amount, change.make(grid, amount))
    codes, variance = add_noise(grid, _MEDIUM_NOISE)
    medium = _known(grid, MEDIUM, MEDIUM, 0, (rotate(codes, _MEDIUM_ANGLE), variance))
    yield medium
    yield from _renamed(medium)
    for times in _FEWER:
        yield _rows_of(medium, f"{FEW_ROWS} {times}", FEW_ROWS, times, grid.seed)
    for number in range(SHUFFLES):
        yield _shuffled(medium, number, grid.seed)


def _known(grid: FactorGrid, name: str, change: str, amount: float, made: Made) -> KnownCode:
    codes, variance = made
    if not isinstance(variance, Tensor):
        variance = torch.full_like(codes, variance)
    return KnownCode(name, change, float(amount), codes, grid.factors, variance)


def _renamed(medium: KnownCode) -> Iterator[KnownCode]:
    count = medium.codes.shape[1]
    order = torch.arange(count).roll(1)
    signs = torch.tensor([(-1.0) ** (d + 1) for d in range(count)], dtype=torch.float64)
    scales = torch.tensor([(0.1, 3.0, 0.5, 20.0)[d % 4] for d in range(count)]).double()
    changed = (
        (medium.codes[:, order], medium.variance[:, order]),
        (medium.codes * signs, medium.variance),
        (medium.codes * scales, medium.variance * scales**2),
        (medium.codes.sinh(), medium.variance),
    )
    for name, (codes, variance) in zip(NEW_NAMES, changed, strict=True):
        yield replace(medium, name=name, change=name, codes=codes, variance=variance)


def _rows_of(code: KnownCode, name: str, change: str, times: int, seed: int) -> KnownCode:
    rows = torch.randperm(len(code.codes), generator=torch.Generator().manual_seed(seed + 1))
    kept = rows[: max(8, len(rows) // times)]
    parts = {key: getattr(code, key)[kept] for key in ("codes", "factors", "variance")}
    return replace(code, name=name, change=change, amount=float(times), **parts)


def _shuffled(code: KnownCode, number: int, seed: int) -> KnownCode:
    generator = torch.Generator().manual_seed(seed + 100 + number)
    rows = torch.randperm(len(code.codes), generator=generator)
    name = f"shuffled {number + 1}"
    return replace(code, name=name, change="shuffled", factors=code.factors[rows])
