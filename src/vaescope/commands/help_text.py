"""``vaescope COMMAND --help``: groups, options and settings, from the YAML files of ``conf/``."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from vaescope.commands.names import PLAIN_WORDS
from vaescope.config.command_file import CommandFile, Entry, groups_of, read_command
from vaescope.config.composing import options_of
from vaescope.config.option_docs import about_option
from vaescope.config.plugins import refuse_hidden_files

NARROW, WIDE = 80, 100  # columns of a text that is read
COLUMN = 14  # where the options of a group begin
KEY_COLUMN = 26  # where the meaning of a setting begins
FAMILY = 5  # options of one beginning that are told by it and their number
_NO_BREAK = "\N{NO-BREAK SPACE}"  # while lines are broken; printed as a space
SECTION = 3  # settings of one section that are told by it alone
# settings of how fast a run is, not of what comes of it but for rounding
SPEED = [
    "ensemble.batched",
    "threads",
    "channels_last",
    "updates_per_call",
    "compile",
    "cuda_graph",
    "tf32",
]
FIRST = ("data", "model")  # groups that one chooses first


def print_help(command: str, words: Sequence[str]) -> None:
    """Print what a command takes; with the name of a group or section, each entry of that.

    Args:
        command: its name.
        words: behind it, perhaps with folders that add options.
    """
    refuse_hidden_files(words)
    file = read_command(command)
    groups = {each.name: each for each in groups_of(command)}
    sections = _sections(file)
    asked = [word for word in words if word in groups or word in sections]
    options = options_of(command, [name for name in groups if not asked or name in asked], words)
    lines: Iterable[str]
    if not asked:
        lines = _of_command(command, file, groups, options)
    elif asked[0] in groups:
        lines = _of_group(groups[asked[0]], options[asked[0]])
    else:
        lines = (line for each in sections[asked[0]] for line in _of_setting(each))
    print("\n".join(lines))


def _of_command(
    command: str,
    file: CommandFile,
    groups: Mapping[str, Entry],
    options: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    taken, meaning = PLAIN_WORDS[command]
    words = [f"vaescope {command}", taken, "[-m]" if command == "train" else ""]
    words += ["[GROUP=OPTION ...]" if groups else "", "[KEY=VALUE ...]"]
    yield from _wrapped(file.about)
    yield from ("", f"usage: {' '.join(filter(None, words))}")
    if taken:
        yield from _wrapped(f"{taken}: {meaning}", "  ", "  ")
    if groups:
        yield from ("", "groups (*: the default; settings of an option: GROUP.KEY=VALUE):")
    for name in sorted(groups, key=lambda name: name not in FIRST):
        yield from _row(name, _options_in_short(groups[name], options[name]), COLUMN)
    yield from ("", "settings:")
    yield from _settings(file)
    yield ""
    if groups:
        one = "model" if "model" in groups else next(iter(groups))
        yield from _row(f"vaescope {command} --help {one}", "what each option of it is", 36)
    yield from _row(f"vaescope {command} ... --cfg job", "all that is set; runs nothing", 36)
    yield from _row("vaescope -sc install=bash", "tab completion; also zsh, fish", 36)


def _sections(file: CommandFile) -> dict[str, list[Entry]]:
    """Settings that belong together, by the word that ``--help`` takes for them."""
    found: dict[str, list[Entry]] = {"speed": [], **{name: [] for name in file.sections}}
    for each in file.settings:
        section = "speed" if each.name in SPEED else each.name.partition(".")[0]
        if section in found:
            found[section].append(each)
    return {name: inner for name, inner in found.items() if inner}


def _settings(file: CommandFile) -> Iterator[str]:
    folded = {n: inner for n, inner in _sections(file).items() if len(inner) >= SECTION}
    for each in file.settings:
        if not any(each in inner for inner in folded.values()):
            yield from _of_setting(each)
    for name, inner in folded.items():
        about = f"{file.sections.get(name, 'how fast it is')}, --help {name}"
        names = ", ".join(each.name.removeprefix(f"{name}.") for each in inner)
        left = f"{name}.KEY=VALUE" if name in file.sections else name
        yield from _row(left, f"{about}: {names}", KEY_COLUMN)


def _of_setting(each: Entry) -> list[str]:
    left = each.name if "${" in each.value else f"{each.name}={each.value}"
    return _row(left, each.meaning, KEY_COLUMN)


def _of_group(group: Entry, options: Sequence[str]) -> Iterator[str]:
    yield f"{group.name}: {group.meaning}"
    for name in options:
        mark = "*" if name in _chosen(group) else ""
        yield from _row(f"{name}{mark}", about_option(group.name, name), KEY_COLUMN)


def _options_in_short(group: Entry, options: Sequence[str]) -> str:
    """``q(z|x): diagonal*, box, ...``."""
    sizes = Counter(name.partition("_")[0] for name in options)
    shown: dict[str, None] = {}
    for name in options:
        first = name.partition("_")[0]
        shown[f"{first}_*{_NO_BREAK}({sizes[first]})" if sizes[first] >= FAMILY else name] = None
    marked = (f"{name}*" if name in _chosen(group) else name for name in shown)
    return f"{group.meaning}: {', '.join(marked)}"


def _chosen(group: Entry) -> list[str]:
    return group.value.strip("[]").replace(",", " ").split()


def _row(left: str, right: str, column: int) -> list[str]:
    """A name and, from a column on, what is said of it; further lines begin there, too."""
    head = f"  {left}  ".ljust(column)
    return _wrapped(right, head, " " * column) if right else [head.rstrip()]


def _wrapped(text: str, head: str = "", indent: str = "") -> list[str]:
    width = min(max(shutil.get_terminal_size((NARROW, 24)).columns, NARROW), WIDE)
    lines = wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]
