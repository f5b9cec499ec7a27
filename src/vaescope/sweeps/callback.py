"""Hydra's callback of a sweep: its jobs are recorded, and a search knows its direction."""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from vaescope.sweeps.launching import install
from vaescope.sweeps.search import is_search, steer


class SweepCallback(Callback):
    """Prepares a sweep before its sweeper and its launcher are made."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Put the record in front of the launcher."""
        install(config)
        if is_search(config.hydra):
            steer(config)
