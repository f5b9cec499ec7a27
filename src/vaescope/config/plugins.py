"""Plugins: folders of configurations that installed packages offer beside vaescope's own.

A package names one in its ``pyproject.toml``, and nothing of it is imported to find it::

    [project.entry-points."vaescope.plugins"]
    mylab = "mylab.conf"
"""

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from omegaconf import ListConfig

from vaescope.config.loading import config_dir, read_value
from vaescope.errors import ConfigError

GROUP = "vaescope.plugins"
CONFIG_DIR, SEARCH_PATH = ("--config-dir", "-cd"), "hydra.searchpath"


def plugin_folders(ours: str | Path) -> dict[str, Path]:
    """Folders of configurations of installed packages, by the name of their entry point.

    Args:
        ours: folder of vaescope's own.

    Returns:
        The folders, by name in alphabetical order.

    Raises:
        ConfigError: for a name that two packages have, an entry point that leads to no folder, or
            a file that is called as one of vaescope's or of another plugin.
    """
    found: dict[str, Path] = {}
    offers = dict.fromkeys(_files(Path(ours)), "vaescope")
    for entry in sorted(set(entry_points(group=GROUP)), key=lambda each: each.name):
        if entry.name in found:
            raise _refusal(entry, "two installed packages have this name; uninstall one")
        found[entry.name] = _folder(entry)
        for file in _files(found[entry.name]):
            if owner := offers.get(file):
                option = f"{file.parent.as_posix()}={file.stem}" if file.parent.parts else file.stem
                raise _refusal(entry, f"{option} is {owner}'s already; rename {file}")
            offers[file] = entry.name
    return found


def refuse_hidden_files(words: Sequence[str]) -> None:
    """Refuse a folder that is none, or has a file that Hydra would not read, for ours of its name.

    Args:
        words: of the command line, perhaps with ``--config-dir`` or ``hydra.searchpath``.

    Raises:
        ConfigError: with the folder or the file.
    """
    folders = list(folders_named(words))
    ours = set(_files(Path(config_dir()))) if folders else set()
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder} of configurations; check the path")
        if taken := next((file for file in _files(folder) if file in ours), None):
            raise ConfigError(
                f"{folder / taken} would not be read: vaescope has a file of this name, which "
                "comes first; rename it"
            )


def folders_named(words: Sequence[str]) -> Iterator[Path]:
    """Folders of configurations that words of a command line add to vaescope's own."""
    for before, word in zip(["", *words], words, strict=False):
        key, _, value = word.partition("=")
        if before in CONFIG_DIR or (key in CONFIG_DIR and value):
            yield Path(word if before in CONFIG_DIR else value)
        elif key.lstrip("+") == SEARCH_PATH:
            places = read_value(value)
            for place in map(str, places if isinstance(places, ListConfig) else ()):
                if not place.startswith("pkg://"):
                    yield Path(place.removeprefix("file://"))


def _files(folder: Path) -> list[Path]:
    """Of the group ``local``, a machine's own settings, everyone has a file."""
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))
    return [file for file in files if file.parts[0] != "local"]


def _folder(entry: EntryPoint) -> Path:
    package, *inner = entry.value.replace(":", ".").split(".")
    try:
        spec = find_spec(package)  # imports nothing: it has no dot
    except ValueError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise _refusal(entry, f"there is no package {package}")
    places = [Path(place, *inner) for place in spec.submodule_search_locations]
    for place in places:
        if place.is_dir():
            return place.resolve()
    raise _refusal(entry, f"there is no folder {places[0]}; does the wheel include its YAML files?")


def _refusal(entry: EntryPoint, reason: str) -> ConfigError:
    package = entry.dist.name if entry.dist else "an installed package"
    named = f"entry point {entry.name} = {entry.value} of {package}"
    return ConfigError(f"plugin {named}: {reason}. Mend the package, or pip uninstall {package}")
