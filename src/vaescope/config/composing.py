"""Compose configurations within a program, as the command line does at its start."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from vaescope.config.groups import NAMES
from vaescope.config.loading import config_dir, read_settings, register_schemas
from vaescope.config.overrides import quoted
from vaescope.config.plugins import SEARCH_PATH, folders_named
from vaescope.config.refusals import refusal
from vaescope.config.targets import locate
from vaescope.errors import ConfigError, closest


@contextmanager
def hydra_of(command: str) -> Iterator[Any]:
    """Hydra over ``conf/`` and installed plugins; that of a job it is called in comes back."""
    register_schemas()
    instance = GlobalHydra.instance()
    outer = instance.hydra
    instance.clear()
    try:
        with initialize_config_dir(config_dir(), version_base="1.3", job_name=command):
            yield GlobalHydra.instance().hydra
    finally:
        GlobalHydra.instance().hydra = outer


def composed(command: str, words: Sequence[str]) -> DictConfig:
    """The configuration of a command with these words, its section ``hydra`` included.

    Raises:
        ConfigError: words that Hydra refuses.
    """
    try:
        with hydra_of(command) as hydra:
            config: DictConfig = hydra.compose_config(
                config_name=command, overrides=list(words), run_mode=RunMode.RUN, from_shell=False
            )
            return config
    except Exception as error:
        if told := refusal(error):
            raise told from error
        raise


def searched(words: Sequence[str]) -> list[str]:
    """Folders of configurations that words of a command line name, as one override."""
    given = [each for each in words if each.lstrip("+").startswith(f"{SEARCH_PATH}=")]
    folders = [quoted(f"file://{folder.resolve()}") for folder in folders_named(words)]
    return given or ([f"{SEARCH_PATH}=[{','.join(folders)}]"] if folders else [])


def options_of(
    command: str, groups: Sequence[str], words: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Options of each group, with those of plugins and of folders that words of a command name."""
    places = searched(words)
    config = command if places else None
    with hydra_of(command) as hydra:
        options = hydra.config_loader.get_group_options
        return {each: options(each, config_name=config, overrides=places) for each in groups}


def require_option(group: str, name: str) -> None:
    """Refuse what is no option of a group, with the nearest that is one.

    Raises:
        ConfigError: it is none.
    """
    with hydra_of("train") as hydra:
        options = hydra.config_loader.get_group_options(group)
    if name not in options:
        raise ConfigError(f"{group}={name!r}: there is none of this name{closest(name, options)}")


def as_word(key: str, value: Any) -> str:
    r"""One setting as a word of the command line.

    Args:
        key: dotted; a group of options (``data``), a value (``model.beta``), or either behind ``+``
            or ``~``.
        value: name of an option, or several; a plain value, a path, or containers of them.

    Example:
        >>> as_word("data", "tiny"), as_word("callbacks", ["progress"]), as_word("data.split", None)
        ('data=tiny', 'callbacks=[progress]', 'data.split=null')
        >>> as_word("data.path", "it's")
        "data.path='it\\'s'"
    """
    if key.lstrip("+~") in NAMES:
        listed = ",".join(map(str, value)) if isinstance(value, list | tuple) else ""
        named = f"[{listed}]" if isinstance(value, list | tuple) else value
        return f"{key}={'null' if named is None else named}"
    return f"{key}={_written(value)}"


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_written(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, str | Path):
        return quoted(str(value))
    if hasattr(value, "item"):  # a number of numpy or torch
        value = value.item()
    return repr(value)


def option_of(group: str, kind: type) -> str | None:
    """The option of a group that names a class, or the nearest of its parents; None: there is none.

    Of several that do, the first by name; one that builds on another's file does not count.
    """
    named = _named_classes(group)
    return next((named[parent] for parent in kind.__mro__ if parent in named), None)


@cache
def _named_classes(group: str) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for path in sorted(Path(config_dir(), group).glob("*.yaml")):
        target = read_settings(path).get("_target_")
        if isinstance(target, str):
            found.setdefault(locate(target), path.stem)
    return found
