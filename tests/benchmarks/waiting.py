"""Share of a training step in which the trainer waits for its batch, of three data sets.

Trained is the conv64 beta-VAE as ``vaescope train`` builds it, with ``callbacks=[] logger=[]``, so
that nothing but the loop, the data and the model takes time. Waiting is the time inside ``next`` of
the loader that Lightning iterates; a step is all the time between two ends of a batch. The first
``--warmup`` updates are not timed. The sets are those of ``data_speed.py``, and the rounds go
through them in turn: the share is the median over rounds, the times are those of the best round.

Run: python tests/benchmarks/waiting.py --steps 200 --rounds 3
"""

import argparse
import logging
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from common import elapsed, head, interleaved, now, plain_config, ready_to_fit, table
from sources import SETS, WHOLE, dataset, read_once, write_array

from vaescope.experiment import trainers


class Clock(pl.Callback):
    """Seconds, and seconds of waiting, from update ``first`` to ``last``."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.taken = self.waited = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.first:
            self.start, self.before = now(), trainer.datamodule.loader.waited
        elif trainer.global_step == self.last:
            self.taken = elapsed(self.start)[0]
            self.waited = trainer.datamodule.loader.waited - self.before


def train(settings: argparse.Namespace, name: str, path: Path) -> tuple[float, float]:
    """Seconds, and seconds of waiting, of ``--steps`` updates."""
    last = settings.warmup + settings.steps
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"trainer.max_steps={last}", "trainer.accelerator=cpu"]
        overrides += ["callbacks=[]", "logger=[]", "statistics=[]", f"network={settings.network}"]
        plain = plain_config(folder, *overrides)
        common = {key: plain["data"][key] for key in ("split", "seed", "split_seed", "placement")}
        plain["data"] = common | {
            "_target_": "sources.Watched",
            "name": name,
            "path": str(path),
            "num_rows": settings.rows,
            "batch_size": settings.batch_size,
            "num_workers": settings.workers,
        }
        trainer, model, data = ready_to_fit(plain)
        clock = Clock(settings.warmup, last)
        trainer.callbacks.append(clock)  # type: ignore[attr-defined]
        trainers.fit(trainer, model, data, None)
    return clock.taken, clock.waited


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--network", default="conv64")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--rows", type=int, default=WHOLE, help="of the mapped array")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="of the mapped array")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    logging.disable(logging.WARNING)
    head("Waiting for data, share of a training step", vars(settings))
    rows = []
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        path = Path(folder, "mapped.npy")
        if "mapped" in settings.sets:
            write_array(path, settings.rows)
            read_once(path)
            print(f"mapped array: {settings.rows} of {WHOLE} rows, {path.stat().st_size:,} bytes")
        if "dsprites" in settings.sets:
            dataset("dsprites", path, 0)._packed.sum()  # type: ignore[attr-defined]
        cases = {name: partial(train, settings, name, path) for name in settings.sets}
        measured = interleaved(cases, settings.rounds)
    for name, times in measured.items():
        shares = [100 * waited / taken for taken, waited in times]
        step, wait = (1e3 * min(seconds) / settings.steps for seconds in zip(*times, strict=True))
        spread = f"{min(shares):.2f}-{max(shares):.2f}"
        rows.append([name, step, wait, f"{statistics.median(shares):.2f} %", spread])
    table(["source", "ms/step", "ms waiting", "share", "range"], rows)


if __name__ == "__main__":
    main()
