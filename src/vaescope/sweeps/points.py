"""``hydra/sweeper=random`` and ``sobol``: points of a search space, all of them known before."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vaescope.config.loading import save_yaml
from vaescope.errors import ConfigError
from vaescope.sweeps.space import Space, refuse_unknown, space_of

if TYPE_CHECKING:
    import numpy as np

NAME = "multirun.yaml"  # Hydra's record of a sweep


def random_points(num_points: int, num_dimensions: int, seed: int) -> "np.ndarray":
    """Independent points of the unit cube, ``[N, D]``; each follows from the seed and its number.

    Example:
        >>> bool((random_points(3, 2, seed=1) == random_points(9, 2, seed=1)[:3]).all())
        True
    """
    import numpy as np  # not for --help and --cfg

    each = (np.random.default_rng((seed, number)) for number in range(num_points))
    return np.stack([generator.random(num_dimensions) for generator in each])


def sobol_points(num_points: int, num_dimensions: int, seed: int) -> "np.ndarray":
    """First points of a scrambled Sobol sequence, ``[N, D]``, which fill the unit cube evenly.

    Most evenly where their number is a power of two.

    Source: Sobol (1967), https://doi.org/10.1016/0041-5553(67)90144-9, scrambled as by Owen.

    Example:
        >>> bool((sobol_points(3, 2, seed=1) == sobol_points(9, 2, seed=1)[:3]).all())
        True
    """
    import numpy as np
    from scipy.stats.qmc import Sobol  # takes a second

    sequence = Sobol(num_dimensions, scramble=True, rng=np.random.default_rng(seed))
    return np.asarray(sequence.random_base2((num_points - 1).bit_length())[:num_points])


class PointsSweeper(Sweeper):
    """Runs jobs at points that are known before the first one begins.

    The sweep is recorded, resumed and grown as a grid is: with a larger ``n``, the points before
    stay.

    Args:
        draw: gives so many points of a unit cube of so many dimensions, by a seed.
        n: number of points.
        seed: of their random numbers.
        params: words of the space, by the names of settings, beside those of the command line.

    Raises:
        ConfigError: for a number out of range.
    """

    def __init__(
        self, draw: Callable[[int, int, int], "np.ndarray"], n: int, seed: int, params: Any
    ) -> None:
        for name, value, least in (("n", n, 1), ("seed", seed, 0)):
            refuse_below(name, value, least)
        self.draw, self.n, self.seed, self.params = draw, n, seed, params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs.

        Args:
            arguments: words of the command line.

        Returns:
            What came of each.
        """
        assert self.launcher is not None
        space = checked_space(arguments, self.params, self.hydra_context, self.config)
        record_sweep(self.config)
        points = self.draw(self.n, len(space.parameters), self.seed)
        jobs = [space.words_at(point) for point in points]
        returned = self.launcher.launch(jobs, initial_job_idx=0)
        for job in returned:
            _ = job.return_value  # raises what a job raised
        return returned


def checked_space(
    arguments: Sequence[str], params: Any, context: HydraContext | None, config: DictConfig | None
) -> Space:
    """The space of a command line whose names are those of settings.

    Raises:
        ConfigError: if it is empty, or a name is not.
    """
    assert context is not None
    assert config is not None
    loader = context.config_loader
    space = space_of(arguments, plain(params), loader)
    names = [each.name for each in space.parameters]
    groups = [name for name in names if loader.get_group_options(name.lstrip("+"))]
    refuse_unknown(space, lambda words: loader.load_sweep_config(config, list(words)), groups)
    return space


def record_sweep(config: DictConfig | None) -> None:
    """Write ``multirun.yaml``, as Hydra's own sweeper does."""
    assert config is not None
    path = Path(config.hydra.sweep.dir) / NAME
    save_yaml(plain(config, resolve=False), path)


def plain(value: Any, resolve: bool = True) -> Any:
    """A setting as plain Python containers."""
    is_config = OmegaConf.is_config(value)
    return OmegaConf.to_container(value, resolve=resolve) if is_config else value


def refuse_below(name: str, value: Any, least: int) -> None:
    """Refuse a setting of a sweeper that is no whole number from ``least``.

    Raises:
        ConfigError: with what was given.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"hydra.sweeper.{name}={value}: give a whole number from {least}")
