"""Optuna's samplers and pruners by name, and its distributions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.random import SeedSequence
from optuna import pruners, samplers
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from vaescope.errors import ConfigError, closest
from vaescope.sweeps.space import Choice, Interval, Parameter, Space, Steps

# without CMA-ES, which keeps its state in the study as a pickle: reading it could run code
SAMPLERS: dict[str, Callable[..., samplers.BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "random": samplers.RandomSampler,
    "gp": samplers.GPSampler,
    "nsga2": samplers.NSGAIISampler,
    "qmc": samplers.QMCSampler,
    "grid": samplers.GridSampler,
}
PRUNERS: dict[str, Callable[..., pruners.BasePruner]] = {
    "median": pruners.MedianPruner,
    "percentile": pruners.PercentilePruner,
    "halving": pruners.SuccessiveHalvingPruner,
    "hyperband": pruners.HyperbandPruner,
    "threshold": pruners.ThresholdPruner,
}
_ONE_SEED = ("qmc", "grid")  # whose trials are points of one sequence


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """What Optuna knows of a parameter."""
    if isinstance(parameter, Choice):
        return CategoricalDistribution(parameter.words)
    if isinstance(parameter, Interval):
        if parameter.whole:
            return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
    low, high = parameter.values[0], parameter.values[-1]
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, step=int(parameter.step))
    return FloatDistribution(low, high, step=parameter.step)


class SeededByNumber(samplers.BaseSampler):
    """A sampler whose random numbers follow from a seed and the number of the trial.

    A search that is killed and resumed then goes on as it would have gone, where a sampler that is
    made anew with its seed would draw its first points again.

    Args:
        make: the sampler from a seed.
        seed: of the search.
    """

    def __init__(self, make: Callable[[int], samplers.BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._inner = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial."""
        mixed = SeedSequence((self._seed, trial.number)).generate_state(1)
        self._inner = self._make(int(mixed[0]))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The sampler's own."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The sampler's own."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The sampler's own."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """The sampler's own; that of a grid would stop ``Study.optimize``, which does not run."""
        if not isinstance(self._inner, samplers.GridSampler):
            self._inner.after_trial(study, trial, state, values)


def make_sampler(
    name: str, seed: int, options: Mapping[str, Any], space: Space
) -> samplers.BaseSampler:
    """The sampler of a name.

    Args:
        name: of ``SAMPLERS``.
        seed: of its random numbers.
        options: of its constructor.
        space: to search.

    Raises:
        ConfigError: if there is none, or it does not take the options.
    """
    _refuse_unknown("sampler", name, SAMPLERS)
    given = dict(options)
    if name == "grid":
        given["search_space"] = {each.name: values_of(each) for each in space.parameters}
    if name == "qmc":
        given = {"scramble": True} | given

    def make(number: int) -> samplers.BaseSampler:
        return SAMPLERS[name](seed=seed if name in _ONE_SEED else number, **given)

    try:
        return SeededByNumber(make, seed)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"hydra.sweeper.sampler_options of {name}: {error}") from error


def make_pruner(name: str | None, options: Mapping[str, Any]) -> pruners.BasePruner:
    """The pruner of a name; None: one that stops nothing.

    Raises:
        ConfigError: if there is none.
    """
    if name is None:
        return pruners.NopPruner()
    _refuse_unknown("pruner", name, PRUNERS)
    try:
        return PRUNERS[name](**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"hydra.sweeper.pruner_options of {name}: {error}") from error


def values_of(parameter: Parameter) -> list[Any]:
    """All values of a parameter.

    Raises:
        ConfigError: of an interval.
    """
    if isinstance(parameter, Steps):
        return list(parameter.values)
    if isinstance(parameter, Choice):
        return list(parameter.words)
    raise ConfigError(
        f"hydra.sweeper.sampler=grid needs values that can be counted, not "
        f"{parameter.name}={parameter}; give a list or a range"
    )


def _refuse_unknown(what: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise ConfigError(
            f"hydra.sweeper.{what}={name}: there is no such {what}{closest(str(name), known)}"
        )
