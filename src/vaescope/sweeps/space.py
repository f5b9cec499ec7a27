"""Search space: what the words of a command line leave open, and the words of one point of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from vaescope.errors import ConfigError, closest
from vaescope.nested import flat_settings

EXAMPLE = "optimizer.lr='tag(log,interval(1e-4,1e-2))'"


@dataclass(frozen=True)
class Interval:
    """Numbers from ``low`` to ``high``, both included: ``interval(1,16)``.

    Attributes:
        name: of the setting.
        low: smallest value.
        high: largest value.
        log: whether their logarithms are evenly spread: ``tag(log,interval(1e-4,1e-2))``.
        whole: whether they are whole numbers: ``int(interval(1,16))``.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, share: float) -> float | int:
        """The value below which a share in [0, 1) of the interval lies."""
        half = 0.5 if self.whole else 0.0  # each whole number has a stretch of length 1
        low, high = self.low - half, self.high + half
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value

    def word(self, value: Any) -> str:
        """The word that sets this value."""
        return f"{self.name}={int(value) if self.whole else float(value)!r}"

    def __str__(self) -> str:
        text = f"interval({self.low!r},{self.high!r})"
        text = f"int({text})" if self.whole else text
        return f"tag(log,{text})" if self.log else text


@dataclass(frozen=True)
class Steps:
    """Numbers at even distances, ascending: ``range(1,9,2)``."""

    name: str
    values: Sequence[int | float]

    @property
    def step(self) -> int | float:
        """Distance between two of them; 1 if there is one alone."""
        return self.values[1] - self.values[0] if len(self.values) > 1 else 1

    def at(self, share: float) -> int | float:
        """The value below which a share in [0, 1) of them lies."""
        return self.values[int(share * len(self.values))]

    def word(self, value: Any) -> str:
        """The word that sets this value, or the nearest one."""
        place = round((float(value) - self.values[0]) / self.step)
        return f"{self.name}={self.values[place]!r}"

    def __str__(self) -> str:
        last = self.values[-1] + self.step
        return f"range({self.values[0]!r},{last!r},{self.step!r})"


@dataclass(frozen=True)
class Choice:
    """Values without an order, as Hydra writes them: ``vae,beta_vae``, ``choice(a,b)``."""

    name: str
    words: tuple[str, ...]

    def at(self, share: float) -> str:
        """The value below which a share in [0, 1) of them lies."""
        return self.words[int(share * len(self.words))]

    def word(self, value: Any) -> str:
        """The word that sets this value."""
        return f"{self.name}={value}"

    def __str__(self) -> str:
        return ",".join(self.words)


Parameter = Interval | Steps | Choice


@dataclass(frozen=True)
class Space:
    """What all jobs have in common, and what is left open.

    Attributes:
        fixed: words of every job.
        parameters: settings whose values are sought.
    """

    fixed: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def words(self, values: Mapping[str, Any]) -> list[str]:
        """Words of the job that has these values, by the names of the parameters."""
        return [*self.fixed, *(each.word(values[each.name]) for each in self.parameters)]

    def words_at(self, shares: Sequence[float]) -> list[str]:
        """Words of the job at a point of the unit cube, one share in [0, 1) a parameter."""
        pairs = zip(self.parameters, shares, strict=True)
        return self.words({each.name: each.at(float(share)) for each, share in pairs})


def space_of(
    words: Sequence[str], params: Mapping[str, Any] | None, loader: ConfigLoader | None = None
) -> Space:
    """The space that words span.

    Args:
        words: of the command line.
        params: more of them, by the names of settings: ``hydra.sweeper.params``.
        loader: of Hydra, for ``glob``.

    Raises:
        ConfigError: if a part of it is empty, or nothing is left open.
    """
    given = [*(f"{key}={value}" for key, value in (params or {}).items()), *words]
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(given)
    last = {override.get_key_element(): override for override in parsed}  # which counts
    opened = [each for each in last.values() if each.is_sweep_override()]
    if not opened:
        raise ConfigError(f"there is nothing to search: leave a value open, {EXAMPLE}")
    fixed = [str(each.input_line) for each in last.values() if not each.is_sweep_override()]
    return Space(tuple(fixed), tuple(map(_parameter, opened)))


def refuse_unknown(
    space: Space, compose: Callable[[Sequence[str]], DictConfig], groups: Sequence[str]
) -> None:
    """Refuse a space whose names are not those of settings, before its first job.

    Args:
        space: to search.
        compose: gives the configuration of a job.
        groups: those of the names whose values are options of a group.

    Raises:
        ConfigError: with the nearest name.
    """
    first = {each.name: each.at(0.0) for each in space.parameters}
    for name in groups or [space.parameters[0].name]:
        parameter = next(each for each in space.parameters if each.name == name)
        options = parameter.words if isinstance(parameter, Choice) else (first[name],)
        for option in options:
            values = first | {name: option}
            try:
                compose(space.words(values))
            except HydraException:
                chosen = [each.word(values[each.name]) for each in space.parameters]
                chosen = [word for word in chosen if word.partition("=")[0] in groups]
                _refuse_names(space, compose([*space.fixed, *chosen]), chosen, groups)
                raise


def _refuse_names(
    space: Space, config: DictConfig, chosen: Sequence[str], groups: Sequence[str]
) -> None:
    flat = dict(flat_settings(OmegaConf.to_container(config, resolve=False)))
    known = {key for key in flat if not key.startswith("hydra.")}
    known |= {key.rpartition(".")[0] for key in known if "." in key}
    for each in space.parameters:
        if each.name not in known and each.name not in groups and each.name[0] not in "+~":
            where = f" with {' '.join(chosen)}" if chosen else ""
            raise ConfigError(
                f"{each.name}={each}: there is no setting {each.name}{where}"
                f"{closest(each.name, known, 1, otherwise='')}"
            )


def _parameter(override: Override) -> Parameter:
    name, value = override.get_key_element(), override.value()
    tags: set[str] = getattr(value, "tags", set())
    if tags - {"log"} or (tags and not isinstance(value, IntervalSweep)):
        raise ConfigError(f"{override.input_line}: the one tag is log, and of an interval")
    if isinstance(value, IntervalSweep):
        return _interval(override, name, value)
    if isinstance(value, RangeSweep) and not value.step:
        raise ConfigError(f"{override.input_line}: a range needs a step that is not 0")
    if isinstance(value, RangeSweep):
        values: Any = value.range()
        values = values if isinstance(values, range) else tuple(values)
        if len(values):
            return Steps(name, values if values[0] <= values[-1] else values[::-1])
    words = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if not words:
        raise ConfigError(f"{override.input_line}: there is no value in it")
    return Choice(name, words)


def _interval(override: Override, name: str, value: IntervalSweep) -> Interval:
    low, high, log = value.start, value.end, "log" in value.tags
    assert low is not None
    assert high is not None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            f"{override.input_line}: an interval needs a lower and a higher end, both finite"
        )
    if log and low <= 0:
        raise ConfigError(f"{override.input_line}: with the tag log, both ends are above 0")
    return Interval(name, low, high, log, whole=isinstance(low, int) and isinstance(high, int))
