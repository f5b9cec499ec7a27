"""Seeds as one program against the same seeds one after the other, in one run on one machine.

Run: python tests/benchmarks/ensemble.py [--cases synthetic_linear ...] [--seeds 20] [--steps 2000]
     python tests/benchmarks/ensemble.py --updates synthetic_linear synthetic_nonlinear --rounds 5

Both sides are what `vaescope train` does from the resolved configuration to `scores.json`, in one
process, with the default callbacks and `logger=[csv]`; imports are not counted (20 commands would
pay them 20 times). "whole" is the ratio of these wall times, "updates" that of the seconds that the
updates of all seeds took alone, by the median of `train/steps_per_second`. Cases that differ in how
the ensemble runs share their single runs. Idle machines only.

`--updates` measures updates alone, of one model and of all seeds, in turns: each by itself through
Lightning and not compiled (as vaescope made them before it made several in a call), several in a
call, and compiled; beside them a plain loop whose loss is compiled. A time is that of the `--steps`
updates behind 200, with default callbacks but no evaluation; medians and ranges over rounds, and
ratios within a round.
"""

import argparse
import contextlib
import csv
import io
import logging
import statistics
import tempfile
import time
from pathlib import Path

import torch
from common import (
    Clock,
    elapsed,
    head,
    interleaved,
    now,
    plain_config,
    ratios,
    ready_to_fit,
    table,
)
from hydra import compose, initialize_config_dir

from vaescope.config.loading import config_dir, register_schemas
from vaescope.experiment import trainers
from vaescope.experiment.assembly import build_data, build_model
from vaescope.experiment.training import train

CASES = {
    "synthetic_linear": ["experiment=synthetic_linear"],
    "synthetic_linear, compiled": ["experiment=synthetic_linear", "compile=true"],
    "synthetic_nonlinear": ["experiment=synthetic_nonlinear"],
    "synthetic_nonlinear, compiled": ["experiment=synthetic_nonlinear", "compile=true"],
    "fashion_mnist mlp_400_500": ["experiment=fashion_mnist"],
    "dsprites mlp 1200s": ["network=mlp"],
    "dsprites mlp 1200s, batched": ["network=mlp", "ensemble.batched=true"],
    "dsprites conv64": [],
    "dsprites conv64, batched": ["ensemble.batched=true"],
}


WAYS = {
    "as before": ["compile=false", "updates_per_call=1"],
    "several in a call": ["compile=false"],
    "compiled": ["compile=true"],
}
WARMUP = 200  # updates before those that are timed


def run(folder: Path, words: list[str]) -> tuple[float, float]:
    """Wall seconds of one run, and seconds an update by the median reading."""
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="benchmark"):
        config = compose("train", [*words, f"output_dir='{folder}'"])
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        train(config)
    wall = time.perf_counter() - began
    with (folder / "metrics.csv").open(newline="") as file:
        speeds = {
            row["step"]: float(row["train/steps_per_second"])
            for row in csv.DictReader(file)
            if row["train/steps_per_second"]
        }
    return wall, 1 / statistics.median(list(speeds.values())[1:])


def time_updates(words: list[str], updates: int) -> tuple[float, float]:
    """Wall and CPU milliseconds of an update under ``vaescope train``."""
    rare = [f"callbacks.{name}.every_n_steps=1000000" for name in ("evaluation", "checkpoint")]
    quiet = ["logger=[csv]", "callbacks.progress.bar=false", *rare]
    with tempfile.TemporaryDirectory() as folder:
        steps = f"trainer.max_steps={WARMUP + updates + 1}"
        trainer, model, data = ready_to_fit(plain_config(folder, *words, *quiet, steps))
        clock = Clock(WARMUP, WARMUP + updates)
        trainer.callbacks.append(clock)
        with contextlib.redirect_stdout(io.StringIO()):
            trainers.fit(trainer, model, data, None)
    wall, cpu = (1e3 * seconds / updates for seconds in clock.taken)
    return wall, cpu


def time_plain_loop(words: list[str], updates: int) -> tuple[float, float]:
    """The same of a plain loop of one model, whose loss is compiled."""
    plain = plain_config("/unused", *words)
    data = build_data(plain)
    images = data.dataset.batch(torch.arange(len(data.dataset))).image
    model = build_model(plain, data.image_shape)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    beta = plain["model"]["beta"]

    @torch.compile(dynamic=False)
    def loss_of(x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mean, log_variance = model.encoder(x).chunk(2, dim=1)
        output = model.decoder(mean + (0.5 * log_variance).exp() * noise)
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        return model.likelihood.nll(output, x).mean() + beta * kl

    for step in range(WARMUP + updates):
        if step == WARMUP:
            start = now()
        x = images.index_select(0, torch.randint(len(images), (data.batch_size,)))
        loss = loss_of(x, torch.randn(len(x), model.latent_dim))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wall, cpu = (1e3 * seconds / updates for seconds in elapsed(start))
    return wall, cpu


def compare_updates(experiment: str, seeds: int, updates: int, rounds: int) -> None:
    """Print one line for each way to make updates, of one model and of all seeds."""
    words = [f"experiment={experiment}"]
    cases = {"plain loop, loss compiled": lambda: time_plain_loop(words, updates)}
    for size in (1, seeds):
        for way, more in WAYS.items():
            all_words = [*words, f"ensemble.size={size}", *more]
            cases[f"{size}, {way}"] = lambda w=all_words: time_updates(w, updates)
    taken, rows = interleaved(cases, rounds), []
    for name, times in taken.items():
        row = [f"{experiment} x {name}"]
        for clock in (0, 1):
            each = [time[clock] for time in times]
            row += [f"{statistics.median(each):.3f} ({min(each):.3f}-{max(each):.3f})"]
            size = name.partition(",")[0] if name[0].isdigit() else "1"
            median, spread = ratios(taken, name, f"{size}, as before", clock)
            row += [f"{median} ({spread})"]
        rows.append(row)
    table(["case", "wall ms", "x before", "CPU ms", "x before"], rows)
    for way in WAYS:
        pairs = zip(taken[f"1, {way}"], taken[f"{seeds}, {way}"], strict=True)
        each = [seeds * one[1] / together[1] for one, together in pairs]
        spread = f"{min(each):.1f}-{max(each):.1f}"
        print(
            f"{seeds} runs of 1 take {statistics.median(each):.1f} ({spread}) times the CPU time "
            f"of {seeds} together, both {way}"
        )


def main() -> None:
    """Print one line a case."""
    options = argparse.ArgumentParser()
    options.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--words", nargs="*", default=[])
    options.add_argument("--updates", nargs="+", default=[], help="experiments")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    register_schemas()
    if given.updates:
        torch.set_num_threads(given.threads)
        logging.disable(logging.WARNING)
        head("updates of one model and of several seeds", vars(given))
        for experiment in given.updates:
            compare_updates(experiment, given.seeds, given.steps, given.rounds)
        return
    shared = [
        *("logger=[csv]", "callbacks.progress.bar=false", f"threads={given.threads}"),
        *(f"trainer.max_steps={given.steps}", "trainer.max_epochs=-1"),
        *(f"callbacks.progress.every_n_steps={max(1, given.steps // 10)}", *given.words),
    ]
    head("seeds as one program against one after the other", vars(given))
    rows, singles = [], {}
    for case in given.cases:
        with tempfile.TemporaryDirectory() as folder:
            own = [word for word in CASES[case] if not word.startswith(("compile", "ensemble"))]
            alone = singles.setdefault(
                tuple(own),
                [
                    run(Path(folder, str(seed)), [*own, *shared, f"seed={seed}", "ensemble.size=1"])
                    for seed in range(0 if tuple(own) in singles else given.seeds)
                ],
            )
            all_words = [*CASES[case], *shared, "seed=0", f"ensemble.size={given.seeds}"]
            whole, update = run(Path(folder, "all"), all_words)
        walls = sum(wall for wall, _ in alone)
        single = statistics.median(seconds for _, seconds in alone)
        rows.append(
            (
                *(case, walls, whole, f"{walls / whole:.1f}"),
                *(single * 1e3, update * 1e3, f"{given.seeds * single / update:.1f}"),
            )
        )
        columns = (
            "case",
            "runs, s",
            "ensemble, s",
            "whole",
            "run, ms/update",
            "ensemble",
            "updates",
        )
        table(columns, rows[-1:])
    table(columns, rows)


if __name__ == "__main__":
    main()
