"""Images per second of dSprites: drawn, gathered from the packed cache, loaded for training.

* render: ``DSpritesRenderer.render`` and the conversion to float32, no file at all;
* packed: ``DSprites.batch`` from the bit-packed, memory-mapped cache (built at the first run, read
  once beforehand): image, factors and row numbers;
* loader: the training loader of ``DSpritesDataModule`` as Lightning iterates it;
* items: ``torch.utils.data.DataLoader`` with shuffle over single items of the same packed images
  (unpacked to a float32 tensor, with the factor values), in this process and with 2 workers.

Each measurement takes at least ``--seconds``; the rounds go through all cases in turn, and the best
round counts. Workers are started, and the first batches taken, before the clock runs.

Run: python tests/benchmarks/data_speed.py --threads 1 --seconds 3 --rounds 3
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
import torch
from common import elapsed, head, interleaved, now, table
from torch.utils.data import DataLoader, Dataset

from vaescope.data import DSprites, DSpritesDataModule
from vaescope.data.dsprites_renderer import DSpritesRenderer

Case = Callable[[], tuple[float, float]]


class Items(Dataset[dict[str, torch.Tensor]]):
    """The data set as most people would write it: one image at a time."""

    def __init__(self, packed: np.ndarray) -> None:
        self.packed = packed
        self.values = DSprites.factors.values(torch.arange(len(packed)))

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        image = torch.from_numpy(np.unpackbits(self.packed[row])).view(1, 64, 64).float()
        return {"image": image, "factors": self.values[row]}


def epochs(loader: Any) -> Iterator[Any]:
    for again in repeat(loader):
        yield from again


def calls(make: Callable[[torch.Tensor], Any], batch_size: int) -> Iterator[Any]:
    """Batches of random rows, one after the other."""
    while True:
        yield make(torch.randint(DSprites.factors.num_combinations, (batch_size,)))


def timed(batches: Iterator[Any], batch_size: int, seconds: float) -> Case:
    """Seconds (wall, CPU of this process) for one image, from an iterator that goes on."""

    def run() -> tuple[float, float]:
        for _ in range(8):  # starts workers and empties what they had waiting
            next(batches)
        start, count = now(), 0
        while elapsed(start)[0] < seconds:
            for _ in range(8):
                next(batches)
            count += 8 * batch_size
        wall, cpu = elapsed(start)
        return wall / count, cpu / count

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=2)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    head("dSprites: images per second, best round", vars(settings))

    renderer, dataset = DSpritesRenderer(), DSprites(cache=True)
    np.asarray(dataset._packed).sum()  # into the page cache

    def render(index: torch.Tensor) -> torch.Tensor:
        return renderer.render(dataset.factors.values(index)).unsqueeze(1).float()

    items = Items(dataset._packed)
    cases: dict[str, Case] = {}
    for size in settings.batch_sizes:
        module = DSpritesDataModule(batch_size=size, cache=True)
        module.setup()
        loader = epochs(module.train_dataloader())
        cases[f"render, {size}"] = timed(calls(render, size), size, settings.seconds)
        cases[f"packed, {size}"] = timed(calls(dataset.batch, size), size, settings.seconds)
        cases[f"loader, {size}"] = timed(loader, size, settings.seconds)
    for workers in (0, settings.workers):
        single = DataLoader(items, 64, shuffle=True, num_workers=workers, drop_last=True)
        name = f"items with {workers} workers, 64"
        cases[name] = timed(epochs(single), 64, settings.seconds)
    taken = interleaved(cases, settings.rounds)
    base = min(wall for wall, _ in taken[f"items with {settings.workers} workers, 64"])
    rows = []
    for name, times in taken.items():
        wall = min(t[0] for t in times)
        rows.append([name, 1 / wall, 1e3 * wall * int(name.split()[-1]), base / wall])
    ratio = f"times items with {settings.workers} workers"
    table(["source, batch size", "images/s", "ms/batch", ratio], rows)
    print("\nItems with workers: processes wait ready between rounds; their CPU time is extra.")


if __name__ == "__main__":
    main()
