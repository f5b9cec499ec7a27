"""Learning-rate schedules: the rate of an update, as a share of the optimiser's own ``lr``.

Each is a function of t, the number of updates made before, and T, that of the whole run. All begin
with a linear warm-up over w updates, ``min(1, (t + 1) / w)``, and go on with p, the share made of
what is left: ``p = (t - w) / (T - w)``, at least 0 and at most 1.

Source: Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 2.2 (linear warm-up).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from vaescope.errors import ConfigError
from vaescope.ranges import Positive, Probability, Share, Steps, check_fields

# t and T (None: not known) -> share of the optimiser's learning rate
Schedule = Callable[[int, int | None], float]


@dataclass(frozen=True)
class Constant:
    """The optimiser's own rate, behind a warm-up: 1.

    Args:
        warmup_steps: w, updates of the warm-up; 0: none.

    Example:
        >>> [Constant(warmup_steps=4)(t, None) for t in (0, 1, 3, 1000)]
        [0.25, 0.5, 1.0, 1.0]
    """

    warmup_steps: Steps = 0

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step``."""
        return _warm_up(step, self.warmup_steps)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine: final + (1 - final) (1 + cos(pi p)) / 2.

    Args:
        warmup_steps: w, updates of the warm-up; 0: none.
        final: share of the rate at the end.

    Source: Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5, without restarts.

    Example:
        >>> [Cosine()(t, 100) for t in (0, 50, 100, 200)]
        [1.0, 0.5, 0.0, 0.0]
    """

    warmup_steps: Steps = 0
    final: Probability = 0.0

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step`` of T = ``num_steps``."""
        p = _progress(self, step, num_steps, self.warmup_steps)
        return _warm_up(step, self.warmup_steps) * _by_cosine(1.0, self.final, p)


@dataclass(frozen=True)
class Linear:
    """A straight line: 1 - (1 - final) p.

    Args:
        warmup_steps: w, updates of the warm-up; 0: none.
        final: share of the rate at the end.

    Example:
        >>> [Linear(warmup_steps=20)(t, 100) for t in (0, 9, 60, 100)]
        [0.05, 0.5, 0.5, 0.0]
    """

    warmup_steps: Steps = 0
    final: Probability = 0.0

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step`` of T = ``num_steps``."""
        p = _progress(self, step, num_steps, self.warmup_steps)
        return _warm_up(step, self.warmup_steps) * (1 - (1 - self.final) * p)


@dataclass(frozen=True)
class StepDecay:
    """Drops by a factor: gamma to the power of how many of ``at`` have been reached.

    Args:
        warmup_steps: w, updates of the warm-up; 0: none.
        gamma: factor of a drop.
        at: values of p at which it drops.

    Example:
        >>> [round(StepDecay()(t, 100), 9) for t in (0, 49, 50, 75)]
        [1.0, 1.0, 0.1, 0.01]
    """

    warmup_steps: Steps = 0
    gamma: Positive = 0.1
    at: Annotated[tuple[Share, ...], MinLen(1)] = (0.5, 0.75)

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step`` of T = ``num_steps``."""
        p = _progress(self, step, num_steps, self.warmup_steps)
        drops = sum(p >= share for share in self.at)
        return _warm_up(step, self.warmup_steps) * self.gamma**drops


@dataclass(frozen=True)
class Exponential:
    """The same factor at every update, which makes ``final`` of the whole run: final^p.

    Args:
        warmup_steps: w, updates of the warm-up; 0: none.
        final: share of the rate at the end.

    Example:
        >>> [round(Exponential()(t, 100), 9) for t in (0, 50, 100)]
        [1.0, 0.1, 0.01]
    """

    warmup_steps: Steps = 0
    final: Share = 0.01

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step`` of T = ``num_steps``."""
        p = _progress(self, step, num_steps, self.warmup_steps)
        return float(_warm_up(step, self.warmup_steps) * self.final**p)


@dataclass(frozen=True)
class OneCycle:
    """Up from ``initial`` by half a cosine, its warm-up, and down to ``final`` by another.

    Args:
        warmup_steps: w, updates until the rate is the optimiser's own; None: 30 % of the run.
        initial: share of the rate at the beginning.
        final: share of the rate at the end.

    Source: Smith & Topin 2018, https://arxiv.org/abs/1708.07120; cosines and numbers are those of
    torch.optim.lr_scheduler.OneCycleLR. Differs: the optimiser's momentum stays.

    Example:
        >>> [round(OneCycle()(t, 100), 6) for t in (0, 15, 30, 65, 100)]
        [0.04, 0.52, 1.0, 0.500002, 4e-06]
    """

    warmup_steps: Steps | None = None
    initial: Probability = 0.04
    final: Probability = 4e-6

    def __post_init__(self) -> None:
        check_fields(self)

    def __call__(self, step: int, num_steps: int | None) -> float:
        """Share of the rate at t = ``step`` of T = ``num_steps``."""
        rise = self.warmup_steps
        if rise is None:
            rise = round(0.3 * (num_steps or 0))
        p = _progress(self, step, num_steps, rise)
        if step < rise:
            return _by_cosine(self.initial, 1.0, step / rise)
        return _by_cosine(1.0, self.final, p)


def _warm_up(step: int, warmup_steps: int) -> float:
    """Factor of a linear warm-up, whose first update is not lost: from 1/w to 1."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def _progress(schedule: object, step: int, num_steps: int | None, warmup_steps: int) -> float:
    """Share p of the updates behind the warm-up that have been made.

    Raises:
        ConfigError: the length of the run is not known, or the warm-up takes all of it.
    """
    if num_steps is None:
        raise ConfigError(
            f"scheduler: {type(schedule).__name__} goes over a whole run, whose number of updates "
            "is not known; give schedule_steps=N"
        )
    if warmup_steps >= num_steps:
        raise ConfigError(
            f"scheduler.warmup_steps={warmup_steps}: nothing is left of the run's {num_steps} "
            "updates; give less, or a longer run"
        )
    return min(1.0, max(0.0, (step - warmup_steps) / (num_steps - warmup_steps)))


def _by_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
