"""What launchers of other projects lack, so that a sweep goes on after any of them."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from vaescope.config.overrides import word
from vaescope.sweeps.composing import SUBDIR
from vaescope.sweeps.joblib_workers import JoblibEngine
from vaescope.sweeps.journal import Journal
from vaescope.sweeps.packing import Unit
from vaescope.sweeps.submitting import SubmititEngine


class PlainEngine:
    """Has the launcher do it all.

    Args:
        launcher: that the user has chosen.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher

    def held(self, journal: Journal) -> set[int]:
        """Numbers of the jobs that outlived the command that launched them: none."""
        return set()

    def launch(self, journal: Journal, units: Sequence[Unit]) -> Sequence[JobReturn]:
        """Run them and return what came of each."""
        words = [[*unit.overrides, word(SUBDIR, unit.folder)] for unit in units]
        return self.launcher.launch(words, initial_job_idx=units[0].number)


Engine = PlainEngine | JoblibEngine | SubmititEngine


def engine_of(launcher: Launcher, config: DictConfig) -> Engine:
    """The engine that suits a launcher.

    Args:
        launcher: that the user has chosen.
        config: of the sweep.
    """
    if type(launcher).__module__.startswith("hydra_plugins.hydra_joblib_launcher."):
        return JoblibEngine(launcher, config.objective)
    if type(launcher).__module__.startswith("hydra_plugins.hydra_submitit_launcher."):
        return SubmititEngine(launcher, config.objective)
    return PlainEngine(launcher)
