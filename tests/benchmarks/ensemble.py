"""Seeds as one program against the same seeds one after the other, in one run on one machine.

Run: python tests/benchmarks/ensemble.py [--cases synthetic_linear ...] [--seeds 20] [--steps 2000]

Both sides are what `vaescope train` does from the resolved configuration to `scores.json`, in one
process, with the default callbacks and `logger=[csv]`; imports are not counted (20 commands would
pay them 20 times). "whole" is the ratio of these wall times, "updates" that of the seconds that the
updates of all seeds took alone, by the median of `train/steps_per_second`. Cases that differ in how
the ensemble runs share their single runs. Idle machines only.
"""

import argparse
import contextlib
import csv
import io
import statistics
import tempfile
import time
from pathlib import Path

import torch
from common import head, table
from hydra import compose, initialize_config_dir

from vaescope.config.loading import config_dir, register_schemas
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


def main() -> None:
    """Print one line a case."""
    options = argparse.ArgumentParser()
    options.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--threads", type=int, default=torch.get_num_threads())
    options.add_argument("--words", nargs="*", default=[])
    given = options.parse_args()
    register_schemas()
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
