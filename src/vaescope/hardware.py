"""Threads and precision that suit the machine at hand."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import torch

from vaescope.errors import ConfigError

log = logging.getLogger(__name__)

MOST_THREADS = 8  # batches of 64 small images do not keep more of them busy


def set_threads(wanted: int | None, processes: int = 1) -> int:
    """Set torch's number of threads and say it in the log.

    Threads that wait for a busy core cost more than they bring: two on a busy machine with two
    cores were seen to be five times slower than one.

    Without the user's choice it is ``OMP_NUM_THREADS`` if set, else the number of idle cores,
    shared out to the ``processes`` of a run.
    """
    if wanted is not None:
        threads, reason = wanted, "threads=..."
    elif os.environ.get("OMP_NUM_THREADS", "").isdigit():
        threads, reason = int(os.environ["OMP_NUM_THREADS"]), "OMP_NUM_THREADS"
    else:
        threads, reason = _idle_cores()
        threads = max(1, threads // processes)
    torch.set_num_threads(threads)
    log.info("torch threads: %d (%s)", threads, reason)
    return threads


def fast_precision(accelerator: str = "auto") -> str:
    """Lightning's name of the fastest precision that suits the device.

    ``bf16-mixed`` where the processor multiplies bfloat16 natively, else ``32-true``: elsewhere
    bfloat16 is emulated and slower.
    """
    if torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda"):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # private names, which not every version of torch has
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return "bf16-mixed" if native else "32-true"


@contextmanager
def float32_products(tf32: bool | None) -> Iterator[None]:
    """Let GPUs round factors of float32 products to TF32's 10 bits, which is faster, or not.

    Args:
        tf32: whether they do so, in products of matrices and in convolutions; None: what torch is
            set to, by itself convolutions alone.
    """
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    if tf32 is not None:
        products.allow_tf32 = convolutions.allow_tf32 = tf32
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def device_of(name: str | None) -> torch.device:
    """The device of a name; of none a GPU if there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    there = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if name not in (None, *there):
        raise ConfigError(f"config.device: {name!r}; here is {' and '.join(there)}; or give null")
    return torch.device(name or there[-1])


@cache  # a later job of a sweep must not count its predecessor's load
def _idle_cores(seconds: float = 0.5) -> tuple[int, str]:
    """Cores of this process that were idle for a moment, from 1 to MOST_THREADS."""
    affinity = getattr(psutil.Process(), "cpu_affinity", None)
    cores = affinity() if affinity else list(range(psutil.cpu_count() or 1))
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    load = sum(busy[core] for core in cores if core < len(busy)) / 100
    usable = min(len(cores) - load, _cpu_quota(), MOST_THREADS)
    return max(1, round(usable)), f"{len(cores)} cores with a load of {load:.1f}"


def _cpu_quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Cores that a container may use; infinite without a limit."""
    try:
        quota, period = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return math.inf
    return math.inf if quota == "max" else int(quota) / int(period)
