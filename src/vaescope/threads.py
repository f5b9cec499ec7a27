"""How many threads torch should use on a machine that others use too."""

import logging
import os
from functools import cache

import psutil
import torch

log = logging.getLogger(__name__)


def set_threads(wanted: int | None) -> int:
    """Set torch's number of threads and say it in the log.

    Threads that wait for a busy core cost more than they bring: two on a busy machine with two
    cores were seen to be five times slower than one.

    Args:
        wanted: the user's choice; None: ``OMP_NUM_THREADS`` if set, else the idle cores.

    Returns:
        The number set.
    """
    if wanted is not None:
        threads, reason = wanted, "threads=..."
    elif os.environ.get("OMP_NUM_THREADS", "").isdigit():
        threads, reason = int(os.environ["OMP_NUM_THREADS"]), "OMP_NUM_THREADS"
    else:
        threads, reason = _idle_cores()
    torch.set_num_threads(threads)
    log.info("torch threads: %d (%s)", threads, reason)
    return threads


@cache  # a later job of a sweep must not count its predecessor's load
def _idle_cores(seconds: float = 0.5) -> tuple[int, str]:
    """Cores of this process that were idle for a moment, at least 1."""
    affinity = getattr(psutil.Process(), "cpu_affinity", None)
    cores = affinity() if affinity else list(range(psutil.cpu_count() or 1))
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    load = sum(busy[core] for core in cores if core < len(busy)) / 100
    return max(1, round(len(cores) - load)), f"{len(cores)} cores with a load of {load:.1f}"
