"""Words of a recorded command: only those that cannot run code are taken from a file.

A sweep's folder may be a stranger's. Words that name functions, hand text to a shell or a scheduler
or lead to other folders are for the user to repeat.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from vaescope.config.groups import NAMES
from vaescope.errors import UntrustedError

_FLAGS = ("-m", "--multirun", "hydra.mode=MULTIRUN")
_OPTION = re.compile(r"[\w,\[\]()*/. -]*")  # names of options, several for a sweep
_KEY = re.compile(r"(\+\+?|~)?[A-Za-z]\w*(\.[A-Za-z0-9]\w*)*")
_VALUES = re.compile(r"[\w.+,\[\]-]*")
# of launchers, sweepers and schedulers: how many at a time, how to search, what each job gets
_COUNTS = re.compile(
    r"hydra\.(launcher|sweeper)\."
    r"(n|n_jobs|n_trials|jobs_per_gpu|max_batch_size|threads|timeout_min|signal_delay_s|mem_gb"
    r"|cpus_per_task|gpus_per_node|array_parallelism|partition|account|qos|constraint"
    r"|num_cpus|num_gpus|max_retries"
    r"|seed|sampler|pruner|max_failures|study_name|direction)"
)
_BOUND = r"""["']?[\w/]+["']? *: *["'] *[<>]= *[-\d.e+]+ *["']"""
_BOUNDS = re.compile(rf"hydra\.sweeper\.constraints=\{{ *{_BOUND}( *, *{_BOUND})* *\}}")
_PLACE = re.compile(r"(path|dir|folder|file)", re.IGNORECASE)
_WRITERS = ("callbacks", "logger", "trainer")
_DATA = ("data.path", "data.factor_values", "data.original.path", "data.original.factor_values")


def refuse_code(words: Sequence[str], folder: Path) -> None:
    """Refuse a recorded command that could do more than train with settings.

    Args:
        words: of the command.
        folder: of the sweep.

    Raises:
        UntrustedError: with the words, and the command for the user to repeat.
    """
    odd = [word for word in words if not _is_plain(word)]
    if odd:
        same = shlex.join(["vaescope", "train", *words, f"sweep.resume={folder}"])
        raise UntrustedError(
            f"{folder}: its recorded command has {', '.join(odd[:3])}, which a file may not say, "
            f"as it could run code or write elsewhere. If the sweep is yours, repeat it: {same}"
        )


def _is_plain(word: str) -> bool:
    if word in _FLAGS:
        return True
    key, _, value = word.partition("=")
    group = key.partition("@")[0].lstrip("+~")
    if group in (*NAMES, "hydra/launcher", "hydra/sweeper"):
        return bool(_OPTION.fullmatch(value)) and ".." not in value
    if _BOUNDS.fullmatch(word):
        return True
    if _COUNTS.fullmatch(key):
        return bool(_VALUES.fullmatch(value))
    if not _KEY.fullmatch(key) or key.lstrip("+~").startswith(("hydra", "output_dir")):
        return False
    names = key.lstrip("+~").split(".")
    if names[0] in _WRITERS and any(map(_PLACE.search, names)):
        return False
    if names[-1] == "path" and key not in _DATA:  # of hydra.utils.get_class
        return False
    return "{" not in value  # neither mappings nor links
