"""Images per second and memory of three data sets: gathered, loaded for training, item by item.

The sets: dSprites, bit-packed (377 MB, built at the first run); ``shapes3d_like``, composed;
mapped, an uncompressed array of Shapes3D's size (5.9 GB, in --folder while the benchmark runs;
--rows makes it smaller). Files are read once beforehand: pages come from memory, not the disk.

* gather: ``dataset.batch`` of random rows: image, factors and row numbers;
* loader: the training loader of a data module as Lightning iterates it, no workers;
* items: ``torch.utils.data.DataLoader`` with shuffle over single items of the same data, each made
  in the most direct way, by 2 workers; the base of its set and batch size;
* render: ``DSpritesRenderer.render`` and the conversion to float32, no file at all.

Each measurement takes at least ``--seconds``; the rounds go through all cases in turn, and the best
round counts. Workers are started, and the first batches taken, before the clock runs.

Memory is that of a fresh process that loads ``--batches`` batches of one case: resident (RSS),
of it in no other process (USS), of it in no file (anonymous); and the sum over the workers.

Run: python tests/benchmarks/data_speed.py --threads 1 --seconds 3 --rounds 3
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice, product, repeat
from pathlib import Path
from typing import Any

import psutil
import torch
from common import elapsed, head, interleaved, now, table
from sources import SETS, WHOLE, Given, dataset, items, read_once, write_array
from torch.utils.data import DataLoader

from vaescope.data.sets.dsprites.renderer import DSpritesRenderer

Case = Callable[[], tuple[float, float]]
WAYS = ("gather", "loader", "items")


def epochs(loader: Any) -> Iterator[Any]:
    for again in repeat(loader):
        yield from again


def calls(make: Callable[[torch.Tensor], Any], rows: int, batch_size: int) -> Iterator[Any]:
    """Batches of random rows, one after the other."""
    while True:
        yield make(torch.randint(rows, (batch_size,)))


def batches(settings: argparse.Namespace, path: Path, name: str, way: str, size: int) -> Any:
    """Endless batches of one case."""
    if way == "loader":
        module = Given(name=name, path=str(path), num_rows=settings.rows, batch_size=size)
        module.setup()
        return epochs(module.train_dataloader())
    source = dataset(name, path, settings.rows)
    if way == "gather":
        return calls(source.batch, len(source), size)
    if way == "render":
        values, renderer = source.factors.values, DSpritesRenderer()
        return calls(lambda row: renderer.render(values(row))[:, None].float(), len(source), size)
    single = items(name, source, path, settings.rows)
    return epochs(DataLoader(single, size, True, num_workers=settings.workers, drop_last=True))


def timed(make: Callable[[], Iterator[Any]], batch_size: int, seconds: float) -> Case:
    """Seconds (wall, CPU of this process) for one image; workers live for one measurement."""

    def run() -> tuple[float, float]:
        ready = make()
        for _ in range(16):  # starts workers and empties what they had waiting
            next(ready)
        start, count = now(), 0
        while elapsed(start)[0] < seconds:
            for _ in range(8):
                next(ready)
            count += 8 * batch_size
        wall, cpu = elapsed(start)
        return wall / count, cpu / count

    return run


def speed(settings: argparse.Namespace, path: Path) -> None:
    """Print images per second of all cases, measured in turns."""
    chosen = list(product(settings.sets, WAYS, settings.batch_sizes))
    if "dsprites" in settings.sets:
        chosen += [("dsprites", "render", size) for size in settings.batch_sizes]
    cases: dict[str, Case] = {}
    for name, way, size in chosen:

        def make(name: str = name, way: str = way, size: int = size) -> Iterator[Any]:
            return batches(settings, path, name, way, size)

        cases[f"{name} {way}, {size}"] = timed(make, size, settings.seconds)
    taken = interleaved(cases, settings.rounds)
    best = {name: min(wall for wall, _ in times) for name, times in taken.items()}
    rows = []
    for name, way, size in chosen:
        wall = best[f"{name} {way}, {size}"]
        times = best[f"{name} items, {size}"] / wall
        rows.append([f"{name} {way}, {size}", 1 / wall, 1e3 * wall * size, times])
    columns = ["source, batch size", "images/s", "ms/batch", "times its items"]
    table(columns, rows)


def alone(settings: argparse.Namespace, path: Path) -> None:
    """Load batches of the case ``--alone`` and print the memory of this process as JSON."""
    process, case = psutil.Process(), settings.alone.split()
    ready = (
        iter(()) if case == ["none"] else batches(settings, path, case[0], case[1], int(case[2]))
    )
    for _ in islice(ready, settings.batches):
        pass
    own, workers = process.memory_full_info(), process.children(recursive=True)
    theirs = [worker.memory_full_info() for worker in workers]
    megabytes = [own.rss, own.uss, _anonymous(process.pid)]
    megabytes += [sum(m.rss for m in theirs), sum(m.uss for m in theirs)]
    print(json.dumps([round(x / 1e6) for x in megabytes]))


def memory(settings: argparse.Namespace, path: Path) -> None:
    """Print the memory of all cases, a fresh process for each."""
    options = [f"--{key}={getattr(settings, key)}" for key in ("rows", "workers", "batches")]
    options += [f"--threads={settings.threads}", f"--file={path}"]
    names = [f"{n} {w} {s}" for n, w, s in product(settings.sets, WAYS, settings.batch_sizes)]
    rows = []
    for name in ["none", *names]:
        command = [sys.executable, __file__, *options, "--alone", name]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        label = name if name != "none" else "imports alone"
        rows.append([label, *json.loads(printed.splitlines()[-1])])
    columns = ["source, batch size", "RSS MB", "USS", "anonymous", "workers' RSS", "workers' USS"]
    table(columns, rows)
    print(
        "\nOf a mapped file RSS and USS count pages that were read and can be dropped at any time."
    )


def _anonymous(process: int) -> int:
    """Bytes of memory that no file backs; 0 where the system does not say."""
    path = Path(f"/proc/{process}/smaps_rollup")
    if not path.exists():
        return 0
    line = next(s for s in path.read_text().splitlines() if s.startswith("Anonymous:"))
    return 1024 * int(line.split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rows", type=int, default=WHOLE, help="of the mapped array")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="of the mapped array")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=200, help="before memory is read")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--alone", help="of the memory's own processes")
    parser.add_argument("--file", help="of the memory's own processes")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    if settings.alone:
        alone(settings, Path(settings.file))
        return
    shown = {k: v for k, v in vars(settings).items() if k not in ("alone", "file")}
    head("Data sets: images per second, best round; memory", shown)
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        path = Path(folder, "mapped.npy")
        if "mapped" in settings.sets:
            write_array(path, settings.rows)
            read_once(path)
            print(f"mapped array: {settings.rows} of {WHOLE} rows, {path.stat().st_size:,} bytes")
        if "dsprites" in settings.sets:
            dataset("dsprites", path, 0)._packed.sum()  # type: ignore[attr-defined]
        speed(settings, path)
        memory(settings, path)


if __name__ == "__main__":
    main()
