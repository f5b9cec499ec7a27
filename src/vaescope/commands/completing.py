"""Tab completion: what may stand at the end of a command line. Nothing here imports torch."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vaescope.commands.names import (
    COMMANDS,
    FIRST_WORDS,
    FLAGS,
    OF_DATA,
    OF_RUN,
    PLAIN_WORDS,
    SHOWN,
    SWEEP_ACTIONS,
)
from vaescope.config.groups import NAMES
from vaescope.run_folder.contents import holds_run

_ODD = re.compile(r"[^\w./+@%:=,~\[-]")  # signs that a shell would take for something else
_LISTED = re.compile(r".*[\[,]")  # callbacks=[progress, before the one that is typed
_CONFIG_DIR = ("--config-dir", "-cd")


def candidates(line: str) -> list[str]:
    """Words that may stand in place of the last one; unfinished ones end in ``=``, ``.`` or ``/``.

    Args:
        line: a command line from its first word to the cursor.

    Example:
        >>> candidates("vaescope ev"), candidates("vaescope data fe")
        (['evaluate'], ['fetch'])
    """
    _, *words = line.split() or [""]
    last = words.pop() if words and not line[-1].isspace() else ""
    if not words:
        found = [*COMMANDS, *(["--help", "--version"] if last else [])]
    elif words[0] == "sweep":
        found = list(_of_sweep(words[1:], last))
    elif words[0] in PLAIN_WORDS:
        found = list(_of_command(words[0], words[1:], last))
    else:
        found = []
    return sorted({word for word in found if word.startswith(last) and not _ODD.search(word)})


def _of_sweep(words: Sequence[str], last: str) -> Iterator[str]:
    if not words:
        yield from SWEEP_ACTIONS
    elif last.startswith("csv="):
        yield from _paths(last)
    else:
        yield from ("latest", *_paths(last or "outputs/sweeps/"))
        yield from ["csv="] if words[0] == "table" else []


def _of_command(command: str, words: Sequence[str], last: str) -> Iterator[str]:
    before = words[-1] if words else ""
    if before in ("--cfg", "-c"):
        yield from SHOWN
    elif before in _CONFIG_DIR:
        yield from _paths(last)
    elif last.startswith("-"):
        yield from (flag for flag in FLAGS if flag.startswith("--"))
    elif command in FIRST_WORDS and not words:
        yield from FIRST_WORDS[command][1]
    elif "=" in last:
        yield from _values(command, words, last)
    else:
        behind = words[command in FIRST_WORDS :]
        if command == "report" or all("=" in each or each[0] == "-" for each in behind):
            yield from _plain(command, words, last)
        yield from _keys(command, words, last)


def _plain(command: str, words: Sequence[str], last: str) -> Iterator[str]:
    """Words without a key."""
    if command in OF_DATA and "list" not in words[:1]:
        from vaescope.config.composing import options_of  # imports Hydra

        yield from options_of(command, ["data"], words)["data"]
    elif command in OF_RUN or command == "report":
        yield from _paths(last)


def _keys(command: str, words: Sequence[str], last: str) -> Iterator[str]:
    """Groups and settings, the latter also below the options that the words before have chosen."""
    from vaescope.config.command_file import groups_of

    groups = [group.name for group in groups_of(command)]
    sign = last[:1] if last[:1] in ("+", "~") else ""
    above, dot, _ = last.removeprefix(sign).rpartition(".")
    if not dot:
        yield from (f"{sign}{group}=" for group in groups)
    for key, value in _entries(_composed(command, words), above):
        is_unused = not dot and key in NAMES and key not in groups
        if not is_unused and key != "_target_":
            yield f"{sign}{above}{dot}{key}{'.' if hasattr(value, 'keys') else '='}"


def _values(command: str, words: Sequence[str], last: str) -> Iterator[str]:
    """What a group or a setting may be: options, files, or what it is now."""
    from vaescope.config.command_file import groups_of
    from vaescope.config.composing import options_of
    from vaescope.config.overrides import PATHS

    key, _, begun = last.partition("=")
    name = key.lstrip("+~")
    if name in (group.name for group in groups_of(command)):
        listed = _LISTED.match(begun)
        head = f"{key}={listed[0] if listed else ''}"
        yield from (f"{head}{option}" for option in options_of(command, [name], words)[name])
    elif name in PATHS or name.endswith("resume"):
        yield from _paths(last)
    else:
        above, _, own = name.rpartition(".")
        value = dict(_entries(_composed(command, words), above)).get(own, "")
        texts = ("true", "false") if isinstance(value, bool) else [value]
        yield from (f"{key}={'null' if text is None else text}" for text in texts)


def _composed(command: str, words: Sequence[str]) -> Any:
    """A command's configuration with the settings so far; without them if they are mistakes."""
    from vaescope.config.composing import composed, searched
    from vaescope.errors import ConfigError

    first = [f"{FIRST_WORDS[command][0]}={words[0]}"] if command in FIRST_WORDS else []
    settings = [word for word in words if "=" in word and word[0] != "-"]
    try:
        return composed(command, [*first, *settings, *searched(words)])
    except ConfigError:
        return composed(command, first)


def _entries(config: Any, key: str) -> list[tuple[str, Any]]:
    """Keys below one, with values whose links are not followed: that may import torch."""
    from omegaconf import OmegaConf

    for part in key.split(".") if key else ():
        config = config._get_node(part) if OmegaConf.is_dict(config) else None
    if not OmegaConf.is_dict(config) or not config:
        return []
    return [(str(each), value) for each, value in config.items_ex(resolve=False)]


def _paths(typed: str) -> Iterator[str]:
    """Files and folders below what is typed; folders that hold no run end in ``/``."""
    head = typed[: typed.find("=") + 1]
    begun = typed.removeprefix(head)
    folder, slash, name = begun.rpartition("/")
    try:
        there = [*Path(f"{folder}{slash}" or ".").expanduser().iterdir()]
    except (OSError, RuntimeError):  # no such folder, no such user
        return
    for path in there:
        if path.name.startswith(name) and (name or path.name[0] != "."):
            end = "/" if path.is_dir() and not holds_run(path) else ""
            yield f"{head}{folder}{slash}{path.name}{end}"
