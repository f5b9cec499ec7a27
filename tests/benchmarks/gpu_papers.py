"""Trainings of the papers' length on a GPU, each row for as many seconds as there are.

Each row is a command in a process of its own, which `trainer.max_time` ends and a time limit kills;
what it gave is in `PART.json` before the next one begins.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_speed import QUIET

from vaescope.files import write_json
from vaescope.run_folder.modification import SET
from vaescope.run_folder.scores import read_scores

SECONDS = {"table1": 480, "modified": 480, "standard": 480}  # of each part, see README.md
AROUND = 30  # seconds of a row that are start, evaluation and report
KILLED = 240  # seconds over its time after which a row is killed
PATIENT = 1800  # seconds after which a rehearsal's row is
LEAST = 10  # seconds of training under which no row is worth it
KEPT = ("test/mig", "test/dto", "test/dci_disentanglement", "test/neighbour_score")

Rows = Mapping[str, Sequence[str]]  # words of `vaescope train` by row

TABLE1 = {
    row: (
        *(f"experiment=cvpr2019_table1_dsprites_{row}", "ensemble.size=5", "data.batch_size=256"),
        *("trainer.precision=32-true", "tf32=true", "callbacks.progress.every_n_steps=10000"),
        *(
            "callbacks=[progress,finite,evaluation,checkpoint]",
            "callbacks.evaluation.every_n_steps=10000",
        ),
        "callbacks.checkpoint.every_n_steps=1000000",
    )
    for row in ("beta_vae", "vae", "autoencoder", "full")
}
STANDARD = {
    f"beta {beta}": (
        *("model=beta_vae", f"model.beta={beta}", "ensemble.size=8", "trainer.max_steps=300000"),
        *("optimizer.lr=1e-4", "callbacks.evaluation.every_n_steps=25000"),
    )
    for beta in (4, 16)
}
SMALL = (
    *("trainer.max_epochs=-1", "trainer.max_steps=4", "data.batch_size=8", "ensemble.size=2"),
    "callbacks.evaluation.num_samples=200",
)


def table1(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """CVPR 2019: table 1's dSprites rows."""
    return trained("table1", settings, scratch, TABLE1)


def standard(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """The field's standard length: the beta-VAE on dSprites, 300,000 updates of 64."""
    return trained("standard", settings, scratch, STANDARD)


def modified(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """ICML 2021, table 1: beta-VAE 32 on original, modified and noisy images of shapes3d_like."""
    data, of = "shapes3d_like", "table1_shapes3d_beta_vae"
    own = [f"data={data}", "epsilon=0.175", "schedule.minutes=2"]
    if settings.rehearse:
        data, of = "panels", "panels_beta_vae"
        own = [f"data={data}", "epsilon=0.175", "schedule.steps=2"]
        own += ["schedule.decoders_before=2", "schedule.decoders_after=2"]
    began = time.perf_counter()
    folder = scratch / "modification"
    failed = told("modify", folder, SECONDS["modified"], *own, "bar=false")
    method = (f"experiment=icml2021_{of}", "ensemble.size=5")
    noise = ("data=uniform_noise", f"data@data.original={data}", "data.epsilon=0.175")
    rows = {
        "original": (*method, f"data={data}"),
        "modified": (*method, "data=modified", f"data.path='{folder / SET}'"),
        "noise": (*method, *noise),
    }
    made = {"seconds": round(time.perf_counter() - began, 1), "failed": failed or "no"}
    return {"modification": made} | trained("modified", settings, scratch, rows)


def trained(
    part: str, settings: argparse.Namespace, scratch: Path, rows: Rows
) -> dict[str, dict[str, Any]]:
    """Scores of each row by seed, after an equal share of what is left of the part's time."""
    end = min(settings.end, time.perf_counter() + SECONDS[part])
    found: dict[str, dict[str, Any]] = {}
    for place, (row, words) in enumerate(rows.items()):
        share = (end - time.perf_counter()) / (len(rows) - place) - AROUND
        seconds = int(settings.row_seconds or max(LEAST, share))
        clock = time.strftime("00:%H:%M:%S", time.gmtime(seconds))  # days before hours
        limit = SMALL if settings.rehearse else (f"trainer.max_time='{clock}'",)
        began, folder = time.perf_counter(), scratch / row.replace(" ", "_")
        most = PATIENT if settings.rehearse else seconds + KILLED
        failed = told("train", folder, most, *words, *QUIET, *limit)
        found[row] = {"seconds": round(time.perf_counter() - began, 1)}
        found[row] |= {"failed": failed} if failed else _scores(folder)
        write_json(settings.out / f"{part}.json", found)
        print(f"  {row}: {_line(found[row])}", flush=True)
    return found


def told(command: str, folder: Path, seconds: float, *words: str) -> str:
    """Run a command to its end; the last lines that it said if it failed, else nothing."""
    place = f"hydra.run.dir='{folder}'" if command == "train" else f"output_dir='{folder}'"
    line = [sys.executable, "-m", "vaescope", command, *words, place]
    print(f"    {shlex.join(line[2:])}", flush=True)
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"killed after {seconds:.0f} s"
    return "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[-5:])


def _scores(folder: Path) -> dict[str, Any]:
    """Updates, and every score by seed with four digits."""
    rows = read_scores(folder).rows
    keys = [key for key in rows[0] if key.startswith("test/")]
    shown = {key: [_short(row.get(key)) for row in rows] for key in keys}
    return {"updates": rows[0]["step"], "seeds": len(rows), "scores": shown}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _line(found: Mapping[str, Any]) -> str:
    """What a row gave, in one line."""
    if "failed" in found:
        return f"failed: {found['failed']}"
    parts = [f"{found['updates']} updates, {found['seeds']} seeds, {found['seconds']} s"]
    for key in KEPT:
        values = [value for value in found["scores"].get(key, ()) if value is not None]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            parts.append(
                f"{key.removeprefix('test/')} {statistics.fmean(values):.3f} ± {spread:.3f}"
            )
    return "; ".join(parts)
