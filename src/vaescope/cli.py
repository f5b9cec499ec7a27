"""The command ``vaescope <command> [Hydra overrides]``; imports nothing heavy itself."""

import atexit
import gc
import importlib
import logging
import os
import re
import shlex
import sys
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from vaescope import __version__
from vaescope.commands.habits import refuse_habits
from vaescope.commands.names import COMMANDS, COMPLETION, FIRST_WORDS, HELP, SHOW_ONLY
from vaescope.commands.plain_words import flags_last, with_keys
from vaescope.config.groups import NAMES
from vaescope.errors import RunFolderError, closest
from vaescope.run_folder.contents import holds_run, refuse_run
from vaescope.run_folder.locking import locked
from vaescope.run_folder.modification import refuse_others
from vaescope.stopping import Stopped, keep_stop, stoppable
from vaescope.sweeps.command_line import chooses_search, with_folder_of_sweep
from vaescope.timing import begin_command

OWN_FOLDER = ("resume", "output_dir", "hydra.run.dir", "hydra.sweep.dir")

USAGE = f"""vaescope {__version__}: why do VAEs disentangle?

usage: vaescope <command> [Hydra overrides]

commands:
{chr(10).join(f"  {name:<11}{line}" for name, line in COMMANDS.items())}

examples:
  vaescope train                                   annealed beta-VAE on dSprites
  vaescope train model=vae posterior=full seed=1   other groups and values
  vaescope train -m seed=0,1,2 model=vae,beta_vae  a sweep
  vaescope sweep resume latest                     what is missing of it
  vaescope train resume=outputs/RUN                continue a run
  vaescope diagnose dsprites beta=4                will its factors be found, and which
  vaescope reproduce cvpr2019 scale=quick          a paper, in a quarter of an hour
  vaescope reproduce icml2021 scale=quick          images on which VAEs fail, in minutes
  vaescope report outputs/sweeps                   methods beside each other
  vaescope train --cfg job                         print the configuration, run nothing
  vaescope <command> --help                        its groups, options and settings
  vaescope -sc install=bash                        tab completion; also zsh, fish
"""


def main(arguments: list[str] | None = None) -> None:
    """Run one command; ``arguments`` default to the command line's.

    Raises:
        SystemExit: with 2 for a wrong command line, 1 for a failed job, 128 + N after signal N.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="")
        return
    if "--version" in words:
        print(__version__)
        return
    if COMPLETION & {*words}:
        _answer_shell(words)
        return
    begin_command()
    atexit.register(gc.freeze)  # the process ends without a search for garbage: a second
    logging.raiseExceptions = False  # a full disk is told once, not at every line of a log
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of fonts, the first time
    try:
        with stoppable(), ExitStack() as stack:
            from vaescope.commands.messages import print_refusals

            stack.enter_context(print_refusals())
            _run(*words, stack=stack)
    except RunFolderError as error:
        _stop(str(error))
    except Stopped as stop:
        command = shlex.join(["vaescope", *words])
        print(f"vaescope: {stop.told(command)}", file=sys.stderr)
        raise SystemExit(stop.code) from None


def _answer_shell(words: list[str]) -> None:
    from vaescope.commands.shells import answer

    try:
        print(answer(words), end="")
    except RunFolderError as error:
        _stop(str(error))


def _run(command: str, *rest: str, stack: ExitStack) -> None:
    """Run one command, the folders that it names kept from other processes until the end."""
    words = list(rest)
    if command not in COMMANDS:
        _stop(f"no command {command!r}; {_allowed(command, COMMANDS)}")
    _refuse_names([*words, _here()])
    if command == "sweep":
        sys.argv = ["vaescope sweep", *words]
        for again in importlib.import_module("vaescope.commands.sweep").main():
            _run(*again, stack=stack)
        return
    if HELP & {*words}:
        from vaescope.commands.help_text import print_help

        print_help(command, words)
        return
    refuse_habits(words)
    if command == "train":
        words = with_folder_of_sweep(words, _is_sweep(words))
    if not SHOW_ONLY & {*words}:
        from vaescope.config.overrides import path_of  # imports Hydra: not for --version

        shared = ["hydra.sweep.dir"] if command == "train" and chooses_search(words) else []
        pairs = [word.partition("=") for word in words]
        keys = {*OWN_FOLDER} - {*shared}
        named = [path_of(value) for key, _, value in pairs if key in keys and value]
        for folder in (place.resolve() for place in named if place.is_dir()):
            stack.enter_context(locked(folder))
            if command != "train":
                refuse_run(folder)
            if command == "modify":
                refuse_others(folder)
    if command == "train":
        words = _resumed(words)
    if command in FIRST_WORDS:
        words = _with_first(words, *FIRST_WORDS[command])
    words = _for_hydra(with_keys(command, words))
    _refuse_links(words, of_a_run=command == "train")
    sys.argv = [f"vaescope {command}", *flags_last(words)]
    with keep_stop():
        importlib.import_module(f"vaescope.commands.{command}").main()


def _with_first(words: list[str], key: str, allowed: tuple[str, ...], need: str) -> list[str]:
    """``list data=x`` -> ``action=list data=x``."""
    if words and words[0].startswith("-"):
        return words
    if not words or words[0] not in allowed:
        given = words[0] if words else ""
        _stop(f"{need}, not {given!r}; {_allowed(given, allowed)}")
    return [f"{key}={words[0]}", *words[1:]]


def _resumed(words: list[str]) -> list[str]:
    """Let ``resume=DIR`` take DIR's own configuration and go on writing there."""
    folders = _values(words, "resume")
    if not folders or folders[-1] in ("null", ""):
        if _values(words, "trust"):
            _stop("trust=[...] goes with resume=DIR; what you compose yourself may name everything")
        _refuse_used_folder(words)
        return words
    from vaescope.config.overrides import path_of, word

    folder = path_of(folders[-1])
    if not (folder / "config.yaml").is_file():
        _stop(
            f"resume={folders[-1]}: no config.yaml in {folder}, so there is nothing to continue; "
            "give the folder of a run whose training has begun"
        )
    folder = folder.resolve()
    if _is_sweep(words):
        _stop("resume=DIR continues one run; it does not go with -m")
    changes = [change for change in words if not change.startswith(("resume=", "trust="))]
    for change in changes:
        if re.split("[=@]", change.lstrip("+~"))[0] in NAMES:
            _stop(f"a resumed run keeps its groups; {change} would make it another run")
    paths = [word(key, folder) for key in ("resume", "output_dir", "hydra.run.dir")]
    keep = "hydra.output_subdir=null"  # the run's own .hydra stays as it was written
    return ["--config-name", _checked_run(folder, words), *changes, *paths, keep]


def _values(words: list[str], key: str) -> list[str]:
    return [word.removeprefix(f"{key}=") for word in words if word.startswith(f"{key}=")]


def _checked_run(folder: Path, words: list[str]) -> str:
    """Name under which Hydra finds a run's configuration once nothing in it can run code."""
    from vaescope.commands.imports import lasting
    from vaescope.config.loading import read_settings, read_value, register_run
    from vaescope.config.trust import copy_trusted, refuse_links_out
    from vaescope.errors import VaescopeError

    where = f"resume={folder}"
    trust = _values(words, "trust")
    chosen = [word.lstrip("+").split("=")[0] for word in words if "=" in word]
    try:
        refuse_links_out(folder, where)
        stored = read_settings(folder / "config.yaml")
        if not stored.keys() >= {"data", "model", "trainer", "seed"}:
            _stop(f"{where}: its config.yaml is not that of a run of vaescope train")
        for ignored in ("hydra", "defaults"):
            stored.pop(ignored, None)
        packages = read_value(trust[-1]) if trust else []
        with lasting():  # imports what the configuration names
            trusted = copy_trusted(stored, where, packages, folder=folder, chosen=chosen)
        return register_run(trusted)
    except VaescopeError as error:
        _stop(str(error))


def _refuse_used_folder(words: list[str]) -> None:
    """Before Hydra writes into it; the command that made what is there may go on with it."""
    from vaescope.config.overrides import path_of

    for word in words:
        key, _, value = word.partition("=")
        if key not in ("hydra.run.dir", "hydra.sweep.dir"):
            continue
        folder = path_of(value)
        record, task = folder / "multirun.yaml", ("hydra", "overrides", "task")
        another = record.is_file() and not _values(words, "sweep.resume")
        if key == "hydra.sweep.dir" and another and _others(words, record, *task):
            more = f"name another folder, or add these jobs to it with sweep.resume={folder}"
            _stop(f"{folder} holds another sweep already; {more}")
        record = folder / ".hydra" / "overrides.yaml"
        if key == "hydra.run.dir" and holds_run(folder) and _others(words, record):
            go_on = f"continue it with resume={folder}, or take another folder"
            _stop(f"{folder} holds a run already; {go_on}")


def _others(words: list[str], path: Path, *keys: str) -> bool:
    """Whether a record of Hydra has other overrides than ``words``, leaving out Hydra's own."""
    from vaescope.config.loading import read_overrides  # imports Hydra: not for --help

    about_all = ("-", "hydra.", "hydra/", "sweep.")
    own = [word for word in _for_hydra(words) if not word.startswith(about_all)]
    before = [word for word in read_overrides(path, *keys) if not word.startswith("sweep.")]
    return sorted(before) != sorted(own)


def _for_hydra(words: list[str]) -> list[str]:
    """The user's words as Hydra understands them."""
    from vaescope.commands.originals import with_originals  # imports Hydra: not for --version
    from vaescope.config.overrides import with_literal_paths
    from vaescope.config.plugins import refuse_hidden_files

    refuse_hidden_files(words)
    swept = _is_sweep(words)
    return with_literal_paths(with_originals(words, swept), swept)


def _is_sweep(words: list[str]) -> bool:
    return any(word in ("-m", "--multirun", "hydra.mode=MULTIRUN") for word in words)


def _refuse_names(words: list[str]) -> None:
    """Stop at names that neither YAML nor JSON can hold."""
    for name in words:
        if any(ord(sign) < 32 for sign in name):
            _stop(f"{name!r} has control characters in it, which no record can hold; rename it")
        if any(0xD800 <= ord(sign) < 0xE000 for sign in name):
            _stop(f"{name!r} is not UTF-8, in which records are written; rename it")


def _refuse_links(words: list[str], of_a_run: bool) -> None:
    """Stop at names with ``${`` that go on record: they would be links when that is read."""
    kept = words if of_a_run else [w for w in words if w.startswith("hydra.")]
    for name in (*(w for w in kept if "\\${" in w), *([_here()] if "${" in _here() else [])):
        _stop(f"{name}: a name with '${{' would be taken for a link; rename it or use another one")


def _here() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        return _stop(f"the folder of this command is gone ({error.strerror}); go to another one")


def _allowed(word: str, allowed: Collection[str]) -> str:
    return f"there are {', '.join(allowed)}{closest(word, allowed, 1, otherwise='')}"


def _stop(message: str) -> NoReturn:
    print(f"vaescope: {message}", file=sys.stderr)
    raise SystemExit(2)
