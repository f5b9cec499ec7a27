"""What ``conf/<command>.yaml`` says of a command: what it does, its groups, its settings.

The comment beside an entry is what the entry means; ``unused`` there hides it from the user.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vaescope.config.loading import config_dir

_GROUP = re.compile(r"  - ([\w/]+): (\[.*?\]|\S+)\s*(?:# *(.*))?")
_SETTING = re.compile(r"( *)(\w+): *(.*?) *(?:# *(.*))?")


@dataclass(frozen=True)
class Entry:
    """A group or a setting.

    Attributes:
        name: of the group; dotted key of the setting.
        value: text of the YAML: options that are chosen, or the default.
        meaning: the comment beside it.
    """

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class CommandFile:
    """A command's file.

    Attributes:
        about: its first comment: what the command does.
        groups: of its defaults, in their order.
        settings: values that are no group's, as deep as the file has them.
        sections: what the settings below a name are about.
    """

    about: str
    groups: tuple[Entry, ...]
    settings: tuple[Entry, ...]
    sections: Mapping[str, str]


SWEEPS = (  # of Hydra's own defaults, for -m
    Entry("hydra/launcher", "basic", "where jobs of a sweep run"),
    Entry("hydra/sweeper", "basic", "which jobs a sweep has"),
)


def groups_of(command: str) -> tuple[Entry, ...]:
    """Groups that a command takes; to train also those of sweeps."""
    return read_command(command).groups + (SWEEPS if command == "train" else ())


def read_command(command: str) -> CommandFile:
    """What a command's file says, without what it calls unused."""
    text = Path(config_dir(), f"{command}.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("defaults:\n")
    defaults, _, settings = rest.partition("\n\n")
    about = " ".join(line.lstrip("# ") for line in head.splitlines())
    found = (_GROUP.fullmatch(line) for line in defaults.splitlines())
    groups = [Entry(each[1], each[2], each[3] or "") for each in found if each]
    lines = list(_lines(settings.partition("\nhydra:\n")[0]))
    sections = {each.name: each.meaning for each in lines if not each.value}
    values = (each for each in lines if each.value)
    return CommandFile(about, _used(groups), _used(values), sections)


def _used(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(each for each in entries if not each.meaning.startswith("unused"))


def _lines(text: str) -> Iterator[Entry]:
    """Settings, and sections, which have no value."""
    above: list[str] = []
    for line in text.splitlines():
        if found := _SETTING.fullmatch(line):
            indent, key, value, meaning = found.groups()
            above = [*above[: len(indent) // 2], key]
            if key != "_target_":
                yield Entry(".".join(above), value, meaning or "")
