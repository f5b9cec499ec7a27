"""What is in memory before the first job, so that no job waits for it again."""

from importlib import import_module

from hydra.core.plugins import Plugins

# none of them opens a GPU while it is imported: a process that has could not be forked
for name in ("vaescope.commands.train", "vaescope.experiment.training"):
    import_module(name)
Plugins.instance()
