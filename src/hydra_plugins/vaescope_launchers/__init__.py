"""Launchers of vaescope, where Hydra looks for them."""

from vaescope.sweeps import forking, launching


class RecordedLauncher(launching.RecordedLauncher):
    """Stands before the chosen launcher: see ``vaescope.sweeps.launching``."""


class ForkLauncher(forking.ForkLauncher):
    """``hydra/launcher=fork``: see ``vaescope.sweeps.forking``."""
