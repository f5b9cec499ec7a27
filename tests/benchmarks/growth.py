"""How time and peak memory grow with latents, factors, rows, pixels, members, seeds and runs.

Each measurement is a process of its own (a fork, so that imports are not counted) with one thread
and a limit of time. A cell has CPU seconds, which are those of the clock on an idle machine, and
the MiB that the process took on top; "refused" has its reason below the tables, "> 30 s" passed the
limit or would, by its definition and the size before, and "-" had no time left in the budget of the
whole. "grows as" is the slope of log time over log size, of measurements of at least 20 ms, and
"asked" the exponent of the definition. Scores are measured without chance levels and intervals,
which multiply all sizes alike. Rows are also written to stderr as they come.

Run: python tests/benchmarks/growth.py [--quick] [--only WORD ...] [--jobs N] 2>/dev/null
"""

import argparse
import contextlib
import io
import json
import math
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from common import Clock, head, plain_config, ready_to_fit, table

from vaescope import alignment
from vaescope.config.loading import save_yaml
from vaescope.experiment import trainers
from vaescope.metrics import udr
from vaescope.panel import score_panel
from vaescope.report.comparison.page import compare
from vaescope.report.run.finishing import finish_reports

SIZES = {
    "latents": (4, 16, 64, 256),
    "factors": (2, 5, 10, 20),
    "rows": (1_000, 10_000, 100_000, 1_000_000),
    "pixels": (64, 128, 256),
    "members": (1, 4, 16, 64),
    "seeds": (2, 8, 32, 64),
    "runs": (10, 100, 1_000),
}
SEEN_ROWS = 10_000  # of the other axes
MEMORY = 8 * 2**30  # bytes that a measurement may take
# exponents of the definition: latents, factors, rows (sorting counts as 1)
SCORES = {
    "mig": (1, 1, 1),  # and all others of its table
    "mig_ksg": (1, 1, 1),
    "rmig": (1, 1, 1),
    "info_mec": (2, 1, 1),
    "dci": (1, 1, 1),
    "dci_linear": (2, 1, 1),
    "dci_logistic": (2, 1, 1),
    "dci_es": (1, 1, 1),
    "sap": (1, 1, 1),
    "sap_continuous": (1, 1, 1),
    "explicitness": (2, 1, 1),  # Newton's curvature
    "neighbours": (1, 1, 1),
    "mcc": (1, 1, 1),
    "explained_variance": (2, 1, 1),
    "few_labels": (2, 1, 1),
    "shifted": (2, 2, 1),  # all factors, each fixed in turn
    "reduced": (2, 2, 1),  # all factors, without the latents of each
    "unfairness": (1, 2, 1),  # of each factor with each other
    "factor_vae": (1, 0, 0),  # as many votes for any rows
    "beta_vae": (1, 0, 0),
    "irs": (1, 1, 1),
    "omes": (1, 1, 1),
    "latent_information": (2, 0, 1),
    "support": (2, 0, 1),
    "separability": (1, 0, 1),
    "wasserstein": (3, 0, 1),
    "total_correlation": (3, 0, 1),
}


def codes_of(rows: int, latents: int, factors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors of ten values [N, K] and codes [N, D] that mix them, with noise."""
    random = torch.Generator().manual_seed(0)
    values = torch.randint(10, (rows, factors), generator=random)
    mix = torch.randn(factors, latents, generator=random, dtype=torch.float64)
    noise = torch.randn(rows, latents, generator=random, dtype=torch.float64)
    return values.double() @ mix + noise, values


def score(name: str, latents: int = 10, factors: int = 5, rows: int = SEEN_ROWS) -> Any:
    codes, values = codes_of(rows, latents, factors)
    refusals: list[str] = []
    options: dict[str, Any] = {"repeats": 0, "costly_repeats": 0, "tell": refusals.append}

    def measure() -> str | None:
        variance = torch.ones_like(codes)
        if not score_panel(codes, values, variance=variance, scores=name, **options):
            raise ValueError(refusals[0])
        return refusals[0] if refusals else None

    return measure


def distance(latents: int = 10, pixels: int | None = None) -> Any:
    """DtO of 16 codes and its chance level."""
    plain = _plain(latents, pixels)
    _, model, _ = ready_to_fit(plain)
    codes = torch.randn(16, latents)

    def measure() -> None:
        gram = alignment.decoder_gram(model.decode, codes)
        vectors, _ = alignment.right_singular_vectors(gram)
        alignment.distance_to_orthogonality(vectors)
        alignment.haar_chance(latents)

    return measure


def update(latents: int = 10, pixels: int | None = None, members: int = 1, **changed: Any) -> Any:
    """One update, as the mean of five."""
    sizes = [f"ensemble.size={members}"] if members > 1 else []
    plain = _plain(latents, pixels, "callbacks=[]", "trainer.max_steps=8", *sizes)
    trainer, model, data = ready_to_fit(plain)
    trainer.callbacks.append(clock := Clock(3, 8))

    def measure() -> float:
        trainers.fit(trainer, model, data, None)
        return clock.taken[1] / 5

    return measure


def evaluation(latents: int = 10, pixels: int | None = None, members: int = 1) -> Any:
    """One evaluation with the default statistics, of 500 rows and 16 Jacobians."""
    sizes = [f"ensemble.size={members}"] if members > 1 else []
    plain = _plain(latents, pixels, "callbacks=[evaluation]", "trainer.max_steps=1", *sizes)
    plain["callbacks"]["evaluation"] |= {"num_samples": 500, "num_losses": 16, "num_jacobians": 16}
    trainer, model, data = ready_to_fit(plain)
    (callback,) = (c for c in trainer.callbacks if type(c).__name__ == "Evaluation")
    taken, evaluate = [], callback.on_update

    def timed(*given: Any) -> None:
        start = time.process_time()
        evaluate(*given)
        taken.append(time.process_time() - start)

    callback.on_update = timed

    def measure() -> float:
        trainers.fit(trainer, model, data, None)
        return min(taken)

    return measure


def _plain(latents: int, pixels: int | None, *words: str) -> dict[str, Any]:
    """A run on random images; where ``pixels`` are given by the network for any size."""
    folder, side = Path(tempfile.mkdtemp(dir=_FOLDER)), pixels or 64
    random = np.random.default_rng(0)
    np.savez(
        folder / "data.npz",
        images=random.integers(0, 256, (2000, side, side), np.uint8),
        latents_values=random.integers(0, 10, (2000, 5)),
    )
    network = "conv" if pixels else "mlp_400_500"
    data = ["data=arrays", f"data.path='{folder}/data.npz'", f"network={network}"]
    plain = plain_config(folder, *data, f"latent_dim={latents}", "logger=[]", "threads=1", *words)
    plain["data"]["batch_size"] = 4
    return plain


def ranking(similarity: Literal["lasso", "spearman"], seeds: int = 8, latents: int = 10) -> Any:
    random = torch.Generator().manual_seed(0)
    codes = torch.randn(seeds, 2000, latents, generator=random)

    def measure() -> None:
        udr(codes, torch.ones(seeds, latents), similarity=similarity)

    return measure


def report(runs: int) -> Any:
    """A comparison of runs of ten seeds each setting."""
    folder = Path(tempfile.mkdtemp(dir=_FOLDER))
    plain = plain_config(folder, "data=tiny")
    for number in range(runs):
        run = folder / f"runs/{number}"
        run.mkdir(parents=True)
        plain["seed"], plain["model"]["beta"] = number % 10, 1.0 + number // 10
        save_yaml(plain, run / "config.yaml")
        scores = {f"test/{name}": (number % 7 + i) / 50 for i, name in enumerate(NAMES)}
        about = {"seed": number % 10, "step": 100, "model": "BetaVAE", "data": "TinySquares"}
        rows = [about | {"num_samples": 50} | scores]
        (run / "scores.json").write_text(json.dumps({"about": {}, "rows": rows}))
    asked: dict[str, Any] = {"scores": None, "group_by": None, "sort": None, "threads": 1}
    asked |= {"runs": [str(folder / "runs")], "output_dir": str(folder / "report")}

    def measure() -> str:
        with contextlib.redirect_stdout(io.StringIO()):
            page = compare(asked, finish_reports(asked["runs"]))
        return f"page {page.stat().st_size / 1e6:.1f} MB"

    return measure


NAMES = ("mig", "mig_chance", "mig_ceiling", "sap", "modularity", "dto_active", "dto_active_ratio")

# what is measured: along which axis, with which exponent by definition
Case = tuple[str, str, float, Callable[..., Any]]
Row = tuple[list[str], list[str]]  # cells, and what is told below all tables


def cases() -> list[Case]:
    found: list[Case] = []
    for place, axis in enumerate(("latents", "factors", "rows")):
        for name, asked in SCORES.items():
            found.append((name, axis, asked[place], lambda name=name, **s: score(name, **s)))
    # one tangent for each latent, through a decoder whose cost is that of its pixels
    found += [("DtO", "latents", 3, distance), ("DtO", "pixels", 2, distance)]
    for name, function in (("update", update), ("evaluation", evaluation)):
        found += [
            (name, axis, asked, function)
            for axis, asked in (
                ("latents", 0 if name == "update" else 3),
                ("pixels", 2),
                ("members", 1),
            )
        ]
    found += [
        ("udr spearman", "seeds", 2, partial(ranking, "spearman")),
        ("udr spearman", "latents", 2, partial(ranking, "spearman")),
        ("udr lasso", "seeds", 2, partial(ranking, "lasso")),
        ("udr lasso", "latents", 3, partial(ranking, "lasso")),
    ]
    return [*found, ("report", "runs", 1, report)]


def measured(build: Callable[..., Any], size: dict[str, int], limit: float) -> dict[str, Any]:
    """Seconds and MiB of one measurement in a process of its own, or why there are none."""
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)

    def work() -> None:
        try:
            measure = build(**size)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            start = time.process_time()
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(start + limit), -1))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, -1))
            told = measure()
            seconds = told if isinstance(told, float) else time.process_time() - start
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found = {"seconds": seconds, "mib": (after - before) / 1024}
            theirs.send(found | ({"told": told} if isinstance(told, str) else {}))
        except Exception as error:
            theirs.send({"refused": f"{type(error).__name__}: {error}"})

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        process.join()
        over = process.exitcode == -signal.SIGXCPU
        found = {"over": True} if over else {"refused": "killed, as for want of memory"}
    process.join()
    return found


def row_of(number: int, sizes: Sequence[int], limit: float, deadline: float) -> Row:
    """One line of a table, and what is told below all tables."""
    name, axis, asked, build = cases()[number]
    cells, points, notes = [], [], []
    found: dict[str, Any] = {}
    for size in sizes:
        left = deadline - time.monotonic()
        expected = points[-1][1] * (size / points[-1][0]) ** asked if points else 0.0
        if "over" in found or expected > limit:
            found = {"over": True}
        else:
            found = measured(build, {axis: size}, min(limit, left)) if left > 1 else {}
            if "over" in found and left < limit:
                found = {}
        if "seconds" in found:
            points.append((size, found["seconds"]))
            cells.append(f"{found['seconds']:.3g} s {found['mib']:.0f}")
        else:
            words = {"over": f"> {limit:g} s", "refused": "refused"}
            cells.append(next((word for key, word in words.items() if key in found), "-"))
        if why := found.get("refused", found.get("told")):
            notes.append(f"{name}, {axis} {size:,}: {why}")
    row = [name, *cells, slope(points), str(asked)]
    print(axis, *row, sep=" | ", file=sys.stderr, flush=True)
    return row, notes


def slope(points: list[tuple[int, float]]) -> str:
    """Exponent of time in size by least squares, of measurements that are not all overhead."""
    long = [(math.log(size), math.log(seconds)) for size, seconds in points if seconds >= 0.02]
    if len(long) < 2:
        return "-"
    return f"{np.polyfit(*zip(*long, strict=True), 1)[0]:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without the largest sizes")
    parser.add_argument("--only", nargs="*", default=[], help="measurements or axes")
    parser.add_argument("--limit", type=float, default=30, help="seconds for one measurement")
    parser.add_argument("--budget", type=float, default=1200, help="seconds for all of them")
    parser.add_argument("--jobs", type=int, default=2, help="measurements at a time")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    head("Growth of time and memory", vars(settings))
    deadline, fork = time.monotonic() + settings.budget, multiprocessing.get_context("fork")
    rows: dict[str, list[Future[Row]]] = {axis: [] for axis in SIZES}
    with ProcessPoolExecutor(settings.jobs, mp_context=fork) as pool:
        for number, (name, axis, _, _) in enumerate(cases()):
            if not settings.only or {name, axis} & set(settings.only):
                sizes = SIZES[axis][: -1 if settings.quick else None]
                work = pool.submit(row_of, number, sizes, settings.limit, deadline)
                rows[axis].append(work)
    notes = []
    for axis, along in SIZES.items():
        sizes = along[: -1 if settings.quick else None]
        if found := [work.result() for work in rows[axis]]:
            columns = [axis, *(f"{size:,}" for size in sizes), "grows as", "asked"]
            table(columns, [row for row, _ in found])
            notes += [note for _, several in found for note in several]
    print(*notes, sep="\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as _FOLDER:
        main()
