"""Words that a shell has parted, or that are written as other programs take them."""

import os
import re
import shlex
from collections.abc import Sequence

from vaescope.commands.names import FLAGS, INFO, SHOWN, VALUED, is_of_flag
from vaescope.errors import RunFolderError, closest

_QUOTES = "'\""
_PAIRS = {"[": "]", "{": "}", "(": ")"}
_NAME = re.compile(r"\w[\w.-]*")


def refuse_habits(words: Sequence[str]) -> None:
    """Refuse what cannot be meant as it was given, before Hydra guesses.

    Raises:
        RunFolderError: flags that there are not, spaces around ``=``, brackets that are parted or
            not closed, empty words.
    """
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        if word[:1] != "-" and is_of_flag(before, word):
            continue
        if not word.strip():
            raise RunFolderError("an empty word was given; settings are given as key=value")
        if word[:1] == "-":
            _refuse_flag(word, words[number + 1 :])
            continue
        _refuse_parted(number, words)
        key, _, value = word.partition("=")
        if value.startswith("="):
            raise RunFolderError(f"{word}: one = is enough: {key}{value}")


def _refuse_flag(word: str, rest: Sequence[str]) -> None:
    """A flag that there is not, or without the value that it needs."""
    flag, equals, value = word.partition("=")
    if flag not in FLAGS:
        name = flag.lstrip("-")
        given = value or (rest[0] if rest and rest[0][:1] != "-" else "")
        if _NAME.fullmatch(name) and given and "=" not in given:
            more = f"; settings have no dashes: {name.replace('-', '_')}={given}"
        else:
            more = closest(flag, FLAGS, 1, "there are")
        raise RunFolderError(f"there is no flag {flag}{more}")
    may_stand_alone = flag in ("--info", "-i")
    if flag in VALUED and not may_stand_alone and not equals and not rest:
        raise RunFolderError(f"{flag} needs a value behind it")
    given = value if equals else rest[0] if rest and is_of_flag(flag, rest[0]) else ""
    allowed = INFO if may_stand_alone else SHOWN if flag in ("--cfg", "-c") else ()
    if given and allowed and given not in allowed and given[:1] != "-":
        raise RunFolderError(f"{flag} {given}: it shows {', '.join(allowed)}")


def _refuse_parted(number: int, words: Sequence[str]) -> None:
    """Settings that spaces have parted."""
    word, rest = words[number], words[number + 1 :]
    is_end = word.endswith("=") and rest and "=" not in rest[0] and rest[0][:1] != "-"
    if word.startswith("=") or is_end:
        begin = max(0, number - 1) if word.startswith("=") else number
        if word.startswith("=") and (number == 0 or not _NAME.fullmatch(words[begin])):
            raise RunFolderError(f"{word}: there is no key before =; write key=value")
        written = words[begin : number + (2 if word.endswith("=") else 1)]
        told = f"{' '.join(written)} was given; leave out the spaces around ="
        raise RunFolderError(f"{told}: {''.join(written)}")
    if not (opened := _opened(word)) or _is_name(word):
        return
    if opened in _QUOTES:
        raise RunFolderError(f"{word}: the quote {opened} is not closed")
    joined = word
    for count, more in enumerate(rest, 1):
        joined = f"{joined} {more}"
        if not _opened(joined):
            told = f"the shell has parted {joined} at its spaces, into {count + 1} words"
            raise RunFolderError(f"{told}; put it into quotes: {shlex.quote(joined)}")
    raise RunFolderError(f"{word}: {opened!r} is not closed by {_PAIRS[opened]!r}")


def _is_name(word: str) -> bool:
    """Whether a word names a file or folder, which may have brackets in its name."""
    from vaescope.config.overrides import PATHS  # imports Hydra: not for --version

    return word.partition("=")[0].lstrip("+") in PATHS or os.path.exists(word)


def _opened(word: str) -> str:
    """The first bracket or quote of a value that is not closed; nothing: all are."""
    value = word.partition("=")[2]
    if "\\" in value or {*_QUOTES} & {*value}:
        odd = (quote for quote in _QUOTES if value.count(quote) % 2)
        return "" if "\\" in value else next(odd, "")
    still: list[str] = []
    for sign in value:
        if sign in _PAIRS:
            still.append(sign)
        elif still and sign == _PAIRS[still[-1]]:
            still.pop()
    return still[0] if still else ""
