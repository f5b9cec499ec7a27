"""What the benchmarks share: the lines about the machine, tables, rounds, configurations."""

import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")

import pytorch_lightning as pl
import torch

from vaescope.callbacks.base import AfterUpdates
from vaescope.callbacks.sessions import Begin, TimeSession
from vaescope.data import FactorDataModule
from vaescope.experiment import trainers, training
from vaescope.run_folder.environment_file import environment
from vaescope.timing import Stopwatch


def head(title: str, settings: Mapping[str, Any]) -> None:
    """Print what is measured, on which machine and with which settings."""
    about = environment(torch.get_num_threads())
    git = about["git"] or {"commit": "none", "changed": False}
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(title)
    print(
        f"machine: {about['processor']}{gpu}; threads {about['threads']}; load before {load}; "
        f"torch {about['packages']['torch']}, "
        f"pytorch-lightning {about['packages']['pytorch-lightning']}, python {about['python']}; "
        f"commit {git['commit'][:10]}{' with changes' if git['changed'] else ''}"
    )
    print("settings:", ", ".join(f"{k}={v}" for k, v in settings.items()), flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns; numbers keep four digits."""
    cells = [list(columns), *[[_cell(value) for value in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    print()
    for row in cells:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *rest]).rstrip(), flush=True)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return str(value)


def interleaved(
    cases: Mapping[str, Callable[[], tuple[float, float]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """What each case returned in each round; the rounds go A B C A B C ..."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            taken[name].append(case())
    return taken


def ratios(
    taken: Mapping[str, Sequence[tuple[float, float]]], name: str, base: str, clock: int
) -> tuple[str, str]:
    """Median over rounds of how many times faster ``name`` was than ``base``, and the range."""
    pairs = zip(taken[base], taken[name], strict=True)
    each = [b[clock] / a[clock] for b, a in pairs]
    return f"{statistics.median(each):.3f}", f"{min(each):.3f}-{max(each):.3f}"


def ready_to_fit(
    plain: dict[str, Any],
) -> tuple[pl.Trainer, trainers.Model, FactorDataModule]:
    """What ``vaescope train`` hands to the trainer; its record of settings is not written."""
    session = TimeSession(Path(plain["output_dir"]), Stopwatch())
    trainer, model, data = training._build(plain, True, Begin(lambda: None), [session], ranks=1)
    trainers.prepare(model, plain)
    return trainer, model, data


def now() -> tuple[float, float]:
    """Wall clock and CPU seconds of this process, once the device has finished its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def elapsed(since: tuple[float, float]) -> tuple[float, float]:
    """Wall and CPU seconds since a ``now()``."""
    then = now()
    return then[0] - since[0], then[1] - since[1]


class Clock(AfterUpdates, pl.Callback):
    """Wall and CPU seconds from update ``first`` to ``last``, callbacks before it included."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.every_n_steps = math.gcd(first, last)  # a call of several updates ends at both
        self.taken = (0.0, 0.0)

    def on_update(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.first:
            self.start = now()
        elif trainer.global_step == self.last:
            self.taken = elapsed(self.start)


def plain_config(folder: Path | str, *overrides: str) -> dict[str, Any]:
    """``train.yaml`` with overrides, resolved; this machine's ``conf/local`` is left out."""
    from hydra import compose, initialize_config_dir

    from vaescope.config.loading import config_dir, register_schemas, resolved

    register_schemas()
    own = ["~local"] if Path(config_dir(), "local").is_dir() else []
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="benchmark"):
        return resolved(compose("train", [f"output_dir='{folder}'", *own, *overrides]))
