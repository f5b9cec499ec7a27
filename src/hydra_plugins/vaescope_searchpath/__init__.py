"""Configurations of installed packages, where Hydra looks for them."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from vaescope.config.loading import config_dir
from vaescope.config.plugins import plugin_folders


class PluginSearchPath(SearchPathPlugin):
    """Adds the folders of the entry points ``vaescope.plugins`` behind vaescope's own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add them, unless another program that uses Hydra asks."""
        ours = config_dir()
        if any(entry.path == ours for entry in search_path.get_path()):
            for name, folder in plugin_folders(ours).items():
                search_path.append(provider=name, path=f"file://{folder}")
