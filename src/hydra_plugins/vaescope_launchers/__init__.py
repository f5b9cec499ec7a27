"""Launchers of vaescope, where Hydra looks for them."""

from vaescope.sweeps import forking, launching, ray_cluster


class RecordedLauncher(launching.RecordedLauncher):
    """Stands before the chosen launcher: see ``vaescope.sweeps.launching``."""


class ForkLauncher(forking.ForkLauncher):
    """``hydra/launcher=fork``: see ``vaescope.sweeps.forking``."""


class RayLauncher(ray_cluster.RayLauncher):
    """``hydra/launcher=ray``: see ``vaescope.sweeps.ray_cluster``."""
