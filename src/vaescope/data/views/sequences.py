"""Sequences of images: dynamic factors move from frame to frame, static ones stay."""

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Interval
from torch import Tensor

from vaescope.data.factors import Factors
from vaescope.data.row_lookup import RowLookup
from vaescope.data.views.partners import draw_partners
from vaescope.data.views.temporal import LaplaceTransitions, moving_factors
from vaescope.errors import ConfigError
from vaescope.minibatch import Plan
from vaescope.ranges import AtLeastTwo, Positive, in_range

_DEVIATION = 1 / math.sqrt(12)  # of a number that is uniform in [0, 1]


class Sequences:
    """Sequences of frames, the first one a batch's own image: ``batch.frames`` `[B, T, ...]`.

    Every dynamic factor moves in its range, [0, 1], independently of the others. Ends reflect it,
    circular factors go round. Of n values each has a share of 1/n of the range, in which the first
    frame has a random place.

    Args:
        length: number of frames T.
        motion: ``velocity``: by v in every frame, v uniform in [-speed, speed] for each sequence.
            ``ornstein_uhlenbeck``: s' = 1/2 + rho (s - 1/2) + speed N(0, 1), rho^2 =
            1 - 12 speed^2, which without ends would keep the mean and the variance of uniform
            values; circular factors are not drawn to a middle, rho = 1. ``laplace``: as
            ``LaplaceTransitions`` goes from each frame to the next.
        speed: as a share of the range; of ``laplace`` the scale of continuous factors at rate 1.
        rate: inverse scale of the steps of ``laplace``.
        static: ordered factors, by name or position, that stay; categories stay, too. All others
            are dynamic.

    Source: Klindt et al. 2021, https://arxiv.org/abs/2007.10930, for ``laplace``; the split into
    static and dynamic factors is that of Li & Mandt 2018, https://arxiv.org/abs/1803.02991.
    Differs: the other motions are ours; sequences with a frame that is no training image are drawn
    anew whole, and so are those in which nothing moves.
    """

    gives: ClassVar[tuple[str, ...]] = ("a second image", "a sequence")

    @in_range
    def __init__(
        self,
        length: AtLeastTwo = 8,
        motion: Literal["velocity", "ornstein_uhlenbeck", "laplace"] = "velocity",
        speed: Annotated[float, Interval(gt=0, le=1)] = 0.1,
        rate: Positive = 1.0,
        static: Sequence[int | str] = (),
    ) -> None:
        if motion == "ornstein_uhlenbeck" and speed > _DEVIATION:
            raise ConfigError(
                f"speed={speed}: with motion=ornstein_uhlenbeck give at most {_DEVIATION:.3f}, the "
                "standard deviation of uniform values"
            )
        self.length, self.motion, self.speed, self.static = length, motion, speed, static
        self._transitions = LaplaceTransitions(rate, speed, static)

    def check(self, factors: Factors, batch_size: int) -> None:
        """Refuse factors of which fewer than two vary, or none is ordered and dynamic."""
        self.dynamic(factors)

    def dynamic(self, factors: Factors) -> list[int]:
        """Positions of the factors that move."""
        return moving_factors(factors, self.static)

    def __call__(self, index: Tensor, lookup: RowLookup, rng: np.random.Generator) -> Plan:
        """The rows ``index`` `[B]`, their T - 1 later frames, and what the second has changed."""
        later = self._transit if self.motion == "laplace" else self._move

        def propose(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            frames = later(values, lookup.factors, rng)
            return frames, (frames != values[:, None]).any((1, 2))

        return draw_partners(index, lookup, rng, propose)

    def _transit(
        self, values: np.ndarray, factors: Factors, rng: np.random.Generator
    ) -> np.ndarray:
        """Later frames `[n, T - 1, K]` by the transitions of pairs."""
        frames = [values]
        for _ in range(self.length - 1):
            frames.append(self._transitions.next_values(frames[-1], factors, rng))
        return np.stack(frames[1:], axis=1)

    def _move(self, values: np.ndarray, factors: Factors, rng: np.random.Generator) -> np.ndarray:
        """Later frames `[n, T - 1, K]` by motions in the range of each factor."""
        moving = self.dynamic(factors)
        sizes = np.array(factors.sizes)[moving]
        circular = np.array(factors.kinds)[moving] == "circular"
        within = rng.random((len(values), len(moving)))
        start = np.where(
            sizes == 0, values[:, moving], (values[:, moving] + within) / sizes.clip(1)
        )
        if self.motion == "velocity":
            velocity = rng.uniform(-self.speed, self.speed, start.shape)
            shares = constant_velocity(start, velocity, self.length, circular)
        else:
            noise = rng.standard_normal((len(values), self.length - 1, len(moving)))
            shares = ornstein_uhlenbeck(start, noise, self.speed, circular)
        frames = np.repeat(values[:, None], self.length - 1, axis=1)
        places = np.minimum(np.floor(shares * sizes), sizes - 1)
        frames[:, :, moving] = np.where(sizes == 0, shares, places)
        return frames


def constant_velocity(
    start: np.ndarray, velocity: np.ndarray, length: int, circular: np.ndarray
) -> np.ndarray:
    """Places in [0, 1] at the times 1 ... T - 1, `[n, T - 1, M]`, of a motion without friction.

    Args:
        start: places at time 0 `[n, M]`.
        velocity: way in a unit of time `[n, M]`.
        length: T.
        circular: which of the M ranges are circles; the ends of others reflect `[M]`.

    Example:
        >>> way = constant_velocity(np.array([[0.8]]), np.array([[0.15]]), 4, np.array([False]))
        >>> way.round(2).ravel().tolist()
        [0.95, 0.9, 0.75]
    """
    time = np.arange(1, length)[:, None]
    return _inside(start[:, None] + time * velocity[:, None], circular)


def ornstein_uhlenbeck(
    start: np.ndarray, noise: np.ndarray, speed: float, circular: np.ndarray
) -> np.ndarray:
    """Places in [0, 1] at the times 1 ... T - 1, `[n, T - 1, M]`; see ``Sequences``.

    Args:
        start: places at time 0 `[n, M]`.
        noise: standard normal `[n, T - 1, M]`.
        speed: deviation of a step, at most that of uniform values.
        circular: which of the M ranges are circles; the ends of others reflect `[M]`.
    """
    pull = np.where(circular, 1.0, math.sqrt(1 - (speed / _DEVIATION) ** 2))
    places, place = [], start
    for step in noise.swapaxes(0, 1):
        place = _inside(0.5 + pull * (place - 0.5) + speed * step, circular)
        places.append(place)
    return np.stack(places, axis=1)


def _inside(places: np.ndarray, circular: np.ndarray) -> np.ndarray:
    """Places on a line, `[..., M]`, folded into [0, 1]."""
    return np.where(circular, places % 1, 1 - np.abs(1 - places % 2))
