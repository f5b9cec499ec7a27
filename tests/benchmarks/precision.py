"""Does bfloat16 change the results? Final scores of finished runs per ``trainer.precision``.

The sweep, two hours or so on two cores:

    vaescope train -m seed=0,1,2,3,4 trainer.precision=bf16-mixed,32-true \
        callbacks.evaluation.every_n_steps=1500 logger=[csv] threads=1

Run: python tests/benchmarks/precision.py outputs/sweeps/2026-11-22_12-26-00-966399

Runs without ``scores.json`` are left out and counted. Runs must differ in seed and precision
alone. Printed are mean ± standard deviation (n) over seeds, then the difference from 32-true
within each seed with its 95 % interval (Student's t on the paired differences; it takes at least
two seeds, and with five it is wide). Scores are those of the test part, computed in single
precision whatever the training used. The distance to orthogonality depends on how many latents are
active; its ratio to the chance level of that many less so.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from common import head, table
from scipy import stats

REFERENCE = "32-true"
SCORES = {
    "MIG": "test/mig",
    "DtO, active latents": "test/dto_active",
    "DtO / chance, active": "test/dto_active_ratio",
    "active latents": "test/active_by_mean",
    "reconstruction, nats": "test/reconstruction",
    "KL, nats": "test/kl_total",
}
Runs = dict[str, dict[int, dict[str, Any]]]  # by precision and seed


def read(folders: list[Path]) -> tuple[Runs, int, list[str]]:
    """Rows of scores of the finished runs, the number of others, and what all have in common."""
    runs: Runs = defaultdict(dict)
    unfinished, kinds = 0, set()
    for run in sorted(path for folder in folders for path in folder.glob("[0-9]*/")):
        if not (run / "scores.json").is_file():
            unfinished += 1
            continue
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        about = json.loads((run / "environment.json").read_text(encoding="utf-8"))[-1]
        seed, precision = config["seed"], config["trainer"]["precision"]
        if seed in runs[precision]:
            sys.exit(f"{run}: a second run with seed {seed} and precision {precision}")
        overrides = yaml.safe_load((run / ".hydra/overrides.yaml").read_text(encoding="utf-8"))
        others = [o for o in overrides if not o.startswith(("seed=", "trainer.precision="))]
        kinds.add(" ".join(sorted(others)))
        runs[precision][seed] = json.loads((run / "scores.json").read_text(encoding="utf-8"))[
            "rows"
        ][0] | {
            "made on": f"{about['processor']}, threads {about['threads']}, "
            f"torch {about['packages']['torch']}"
        }
    if len(kinds) > 1:
        sys.exit("runs differ in more than seed and precision:\n  " + "\n  ".join(sorted(kinds)))
    return dict(runs), unfinished, sorted(kinds)


def spread(values: np.ndarray, digits: int) -> str:
    """Mean ± standard deviation (n)."""
    values = values[~np.isnan(values)]
    deviation = f"{values.std(ddof=1):.{digits}f}" if len(values) > 1 else "-"
    return f"{values.mean():.{digits}f} ± {deviation} ({len(values)})" if len(values) else "-"


def paired(differences: np.ndarray, digits: int) -> str:
    """Mean difference with the 95 % interval of the paired t test."""
    differences = differences[~np.isnan(differences)]
    n = len(differences)
    if n == 0:
        return "-"
    mean = differences.mean()
    if n == 1:
        return f"{mean:+.{digits}f} [no interval] (1)"
    half = stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    return f"{mean:+.{digits}f} [{mean - half:+.{digits}f}, {mean + half:+.{digits}f}] ({n})"


def values(runs: Runs, precision: str, seeds: list[int], key: str) -> np.ndarray:
    """One score of each seed; NaN where a run does not have it."""
    return np.array([runs[precision][seed].get(key, np.nan) for seed in seeds], dtype=float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders of sweeps")
    parser.add_argument("--digits", type=int, default=4)
    settings = parser.parse_args()
    runs, unfinished, kinds = read(settings.sweeps)
    if not runs:
        sys.exit(f"no finished run in {', '.join(map(str, settings.sweeps))}")
    head("Final scores by training precision", {"sweeps": ", ".join(map(str, settings.sweeps))})
    rows = [row for of_seed in runs.values() for row in of_seed.values()]
    print("runs made on:", "; ".join(sorted({row["made on"] for row in rows})))
    print(f"overrides: {kinds[0] or 'none'}; updates: {sorted({row['step'] for row in rows})}")
    print(f"finished: {len(rows)}, unfinished and left out: {unfinished}")

    order = sorted(runs, key=lambda precision: precision != REFERENCE)
    table(
        ["mean ± std (n)", *(f"{p}, seeds {','.join(map(str, sorted(runs[p])))}" for p in order)],
        [
            [name, *(spread(values(runs, p, sorted(runs[p]), key), settings.digits) for p in order)]
            for name, key in SCORES.items()
        ],
    )
    for precision in order[1:] if REFERENCE in runs else []:
        seeds = sorted(runs[precision].keys() & runs[REFERENCE].keys())
        rows_of_table = []
        for name, key in SCORES.items():
            ours, theirs = (values(runs, p, seeds, key) for p in (precision, REFERENCE))
            rows_of_table.append([name, paired(ours - theirs, settings.digits)])
        table([f"{precision} minus {REFERENCE}", "mean [95 % interval] (pairs)"], rows_of_table)


if __name__ == "__main__":
    main()
