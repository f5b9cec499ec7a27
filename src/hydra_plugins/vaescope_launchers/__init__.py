"""Launchers of vaescope, where Hydra looks for them."""

from vaescope.sweeps import launching


class RecordedLauncher(launching.RecordedLauncher):
    """Stands before the chosen launcher: see ``vaescope.sweeps.launching``."""
