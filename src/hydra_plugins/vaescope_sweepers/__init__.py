"""Sweepers of vaescope, where Hydra looks for them."""

from typing import Any

from vaescope.sweeps import points, searching


class OptunaSweeper(searching.OptunaSweeper):
    """``hydra/sweeper=optuna``: see ``vaescope.sweeps.searching``."""


class RandomSweeper(points.PointsSweeper):
    """``hydra/sweeper=random``: independent points of a space."""

    def __init__(self, n: int, seed: int = 0, params: Any = None) -> None:
        super().__init__(points.random_points, n, seed, params)


class SobolSweeper(points.PointsSweeper):
    """``hydra/sweeper=sobol``: points that fill a space evenly."""

    def __init__(self, n: int, seed: int = 0, params: Any = None) -> None:
        super().__init__(points.sobol_points, n, seed, params)
