"""Errors of other libraries and of the machine, told as messages for the user."""

import re
import traceback
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from omegaconf import OmegaConf

from vaescope.config.schemas import SCHEMAS
from vaescope.errors import ConfigError, DataError, VaescopeError, closest, first_line
from vaescope.files import ADVICE
from vaescope.ranges import words

_NO_MEMORY = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "unable to allocate",
    "cannot allocate memory",
    "storage size calculation overflowed",
    "array is too big",
    "maximum allowed dimension exceeded",
    "too many resources requested",
)
_NO_LIST = ("is not a ListConfig, list or tuple", "Cannot merge DictConfig with ListConfig")
# extras of vaescope that bring an option
EXTRAS = {
    "hydra/launcher/joblib": "sweep",
    "hydra/launcher/submitit_local": "slurm",
    "hydra/launcher/submitit_slurm": "slurm",
}
_SETTINGS = "MisconfigurationException"  # of Lightning, by whatever name it is imported
_COMPOSITION = ("hydra", "omegaconf", "antlr4")


def refusal(error: BaseException) -> VaescopeError | None:
    """The user's side of whatever ended a job: an error whose message alone tells what to do.

    None: a fault of the program, whose traceback is wanted.
    """
    if isinstance(error, VaescopeError):
        return error
    said = str(error).lower() if isinstance(error, RuntimeError | ValueError) else ""
    if isinstance(error, MemoryError) or any(part in said for part in _NO_MEMORY):
        return ConfigError(
            f"there is not enough memory ({first_line(error)}); lower data.batch_size, the sizes "
            "of the network or of the data, or the numbers of samples"
        )
    if isinstance(error, RuntimeError) and "determine home directory" in said:
        return ConfigError("a path begins with ~ and the name of no user; write the folder itself")
    if isinstance(error, OSError) and error.errno is not None:
        place, advice = error.filename, ADVICE.get(error.errno)
        told = f"{'the disk' if place is None else place}: {error.strerror}"
        return DataError(f"{told}; {advice}" if advice else told)
    if any(kind.__name__ == _SETTINGS for kind in type(error).__mro__):
        return ConfigError(f"config.trainer: {first_line(error)}")
    # one of these packages made the error, or raised it in its own code
    frames = traceback.extract_tb(error.__traceback__)
    raised_in = frames[-1].filename.replace("\\", "/") if frames else ""
    made_in = type(error).__module__.split(".")[0]
    if any(made_in == each or f"/site-packages/{each}/" in raised_in for each in _COMPOSITION):
        return ConfigError(_of_hydra(error))
    return None


def _of_hydra(error: BaseException) -> str:
    """Hydra's own message, with the cause that it would print below, and what is near."""
    text = str(error).strip() or type(error).__name__
    if told := _of_word(error, text):
        return told
    if text.startswith("Config group override must be a string or a list"):
        return (
            "a group was given null or a number; choose an option of it, [] for none of "
            "statistics, callbacks and logger, or leave the group out"
        )
    cause = error.__cause__
    if cause is not None and type(cause).__module__.startswith("omegaconf"):
        text = f"{text.removeprefix('Error merging override ')}: {first_line(cause)}"
    if told := _of_value(text, cause):
        return told
    if any(told in text for told in _NO_LIST):
        text = f"{text.rstrip('.')}; a list is written in brackets: key=[value]"
    missing, options = getattr(error, "missing_cfg_file", None), getattr(error, "options", None)
    if extra := EXTRAS.get(str(missing)):
        return (
            f"{str(missing).replace('/launcher/', '/launcher=')} needs a package that is not "
            f"installed: pip install 'vaescope[{extra}]'"
        )
    if missing and options:
        group, _, name = str(missing).rpartition("/")
        return f"there is no {group}={name}{closest(name, options, 1)}"
    return _without_key(text, cause) or text


def _of_word(error: BaseException, text: str) -> str:
    """One sentence for a word as such; nothing: Hydra's message is about something else."""
    if (word := getattr(error, "override", None)) is not None:
        quoted = "put a value with odd signs into quotes: \"key='a value'\""
        return f"{word}: cannot be read; {quoted}"
    if found := re.match(r"Ambiguous value for argument '(.*?)'\n", text):
        key, _, value = found[1].partition("=")
        listed = f"for a list write '{key}=[{value}]'"
        return f"{found[1]} gives several values; add -m for a sweep of them, or {listed}"
    if found := re.match(r"Sweep parameters '(.*)' requires --multirun", text):
        return f"{found[1]} gives several values; add -m for a sweep of them"
    if found := re.match(r"Could not append to config. An item is already at '(.*?)'", text):
        return f"there is {found[1]} already; leave out the +"
    return ""


def _of_value(text: str, cause: BaseException | None) -> str:
    """One sentence for a value of another kind than its key takes; nothing: not about a value."""
    found = re.match(
        r"(?s)([\w.]+)=(.*): (?:Value '|Invalid (?:value|type) assigned|field '|Cannot assign |"
        r"Cannot merge DictConfig with ListConfig)",
        text,
    )
    node: Any = getattr(cause, "parent_node", None)
    while node is not None and not is_dataclass(OmegaConf.get_type(node)):
        node = node._get_parent()
    if found is None or node is None:
        return ""
    key, given = found.groups()
    kind, last = OmegaConf.get_type(node), key.split(".")[-1]
    own = kind if node._key() == last else None  # the section itself was given something else
    hint = get_type_hints(kind, include_extras=True).get(last, own)
    if is_dataclass(hint):
        inner = ", ".join(f"{key}.{each.name}" for each in fields(hint))
        return f"config.{key}: {given} was given; what can be set is {inner}"
    allowed = "" if hint is None else words(hint)
    in_brackets = any(told in text for told in _NO_LIST) and given[:1] not in ("[", "{")
    more = f"; a list is written in brackets: {key}=[{given}]" if in_brackets else ""
    return f"config.{key}: {given or 'nothing'} is not {allowed}{more}" if allowed else ""


def _without_key(text: str, cause: BaseException | None) -> str:
    """One sentence for a key that is not there, with the nearest; nothing: not about a key."""
    what = r"Could not (?:override|delete from config\.) '([^'.]+)((?:\.[^'.]+)*)'"
    found = re.match(what, text)
    if found is None:
        return ""
    if "No match in the defaults list" in text:
        return f"there is no group {found[1]!r} here; --help lists what the command takes"
    name = found[1] + found[2]
    known, listed = {key.name for schema in SCHEMAS for key in fields(schema)}, "it takes"
    inner: Any = getattr(cause, "full_key", None)
    parent: Any = getattr(cause, "parent_node", None)
    if str(inner).startswith(f"{name}."):  # of a dictionary that was given
        there = {str(key) for key in parent or ()}
        near = closest(str(inner).rpartition(".")[2], there, 1, "it has") if there else ""
        return f"config: there is no {inner!r}{near or f'; +{name}=... adds it'}"
    if "delete" in text:
        listed = ""  # the message does not say of which command
    elif found[2]:
        known = {str(key) for key in parent} if hasattr(parent, "keys") else set()
        if known and parent._get_parent() is None:  # not even the section is there
            name = found[1]
    elif schema := re.search(r"not in '(\w+)'", text):
        known = {key.name for each in SCHEMAS if each.__name__ == schema[1] for key in fields(each)}
    key = name.rpartition(".")[2]
    return f"config: there is no {name!r}{closest(key, known, 1, listed)}" if known else ""
