"""Memory check: what would not fit is refused before it is taken."""

from pathlib import Path

import psutil

from vaescope.errors import ConfigError

_CGROUP = Path("/sys/fs/cgroup")


def free_bytes(cgroup: Path = _CGROUP) -> int:
    """Memory that this process may still take: the machine's, or its container's if less."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text(encoding="utf-8"))
        used = int((cgroup / "memory.current").read_text(encoding="utf-8"))
        facts = (cgroup / "memory.stat").read_text(encoding="utf-8").split()
    except (OSError, ValueError):  # no container, or none with a limit ("max")
        return free
    files = dict(zip(facts[::2], facts[1::2], strict=False)).get("file", "0")  # given back if asked
    return max(0, min(free, limit - used + int(files)))


def require_memory(num_bytes: int, what: str) -> None:
    """Refuse ``what``, with the settings that decide its size, if so many bytes cannot be had.

    Raises:
        ConfigError: there are not so many.
    """
    free = free_bytes()
    if num_bytes > free:
        taken, left = (f"{number / 2**30:,.1f} GiB" for number in (num_bytes, free))
        raise ConfigError(f"{what} would take {taken} of memory, and {left} are free; give less")
