"""Errors whose message alone tells a user what was given, what is allowed and what to do."""

import difflib
from collections.abc import Collection, Iterator
from contextlib import contextmanager


class VaescopeError(Exception):
    """A mistake that the user can mend; shown as one message, without a traceback."""


class ConfigError(VaescopeError, ValueError):
    """One or more settings cannot work; the message lists all of them."""


class RunFolderError(ConfigError):
    """The folder given for a run holds another, or none to continue; it is left as it is."""


class UntrustedError(ConfigError):
    """A file names what nothing that was read from a file may build; nothing of it was built."""


class DataError(VaescopeError, RuntimeError):
    """A data file is missing, corrupt or not what it claims to be."""


class InputError(VaescopeError, ValueError):
    """An array or tensor that was given cannot be used: its shape, its type or its values."""


class NoScoreError(VaescopeError, ValueError):
    """The rows given cannot have a score: no factor varies, or no rows share what it compares."""


class TrainingDivergedError(VaescopeError, FloatingPointError):
    """A loss term or a weight stopped being a finite number."""


class RunsFailedError(VaescopeError, RuntimeError):
    """Some of the runs that a command makes have failed; the others are done and reported."""


class ProcessFailedError(VaescopeError, RuntimeError):
    """A process of a run on several devices has ended; so have the others."""


class JobKilledError(RunsFailedError):
    """The process of a sweep's job ended without a word, as one that was killed does."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its name if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class Mistakes:
    """Collects configuration errors of several steps, to tell all of them at once."""

    def __init__(self) -> None:
        self._messages: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keep a ``ConfigError`` of the block and go on behind it."""
        try:
            yield
        except ConfigError as error:
            self._messages.append(str(error))

    def tell(self) -> None:
        """Raise what was kept, if anything.

        Raises:
            ConfigError: with all messages.
        """
        if self._messages:
            raise ConfigError("\n".join(self._messages))


def closest(word: str, known: Collection[str], most: int = 3, otherwise: str = "there are") -> str:
    """``; did you mean 'a', 'b'?`` of the names that are near; else all that there are.

    Args:
        word: what was given.
        known: what may be given.
        most: number of names to suggest.
        otherwise: words before the list of all names; nothing: no list.
    """
    near = difflib.get_close_matches(word, known, most, 0.5)
    near += [name for name in known if word and word in name and name not in near]
    if near:
        return f"; did you mean {', '.join(map(repr, near[:most]))}?"
    return f"; {otherwise} {', '.join(sorted(known)) or 'nothing'}" if otherwise else ""
