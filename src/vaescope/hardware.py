"""Threads and precision that suit the machine at hand."""

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


def fast_precision() -> str:
    """Lightning's name of the fastest precision that was shown not to change the science.

    Returns:
        ``bf16-mixed`` where the processor multiplies bfloat16 natively, else ``32-true``: elsewhere
        bfloat16 is emulated and slower.
    """
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # private names, which not every version of torch has
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return "bf16-mixed" if native else "32-true"


@cache  # a later job of a sweep must not count its predecessor's load
def _idle_cores(seconds: float = 0.5) -> tuple[int, str]:
    """Cores of this process that were idle for a moment, at least 1."""
    affinity = getattr(psutil.Process(), "cpu_affinity", None)
    cores = affinity() if affinity else list(range(psutil.cpu_count() or 1))
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    load = sum(busy[core] for core in cores if core < len(busy)) / 100
    return max(1, round(len(cores) - load)), f"{len(cores)} cores with a load of {load:.1f}"
