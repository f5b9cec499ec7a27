"""What a GPU gives: whether training there is right, how fast it is, and a table of CVPR 2019.

Made for a GPU that is at hand for some minutes: parts run in order of what they decide, each writes
`results.json` whole when it ends, none begins after `--budget` seconds, and a part or a case that
fails is recorded and does not stop the others. `--rehearse` runs the same calls on a CPU at small
sizes in a minute or two. It needs no package that vaescope does not need.

* `equal`: losses of 100 updates of the conv64 β-VAE on the device beside those on the CPU, from the
  same weights, batches and noise, as a CUDA graph and not, in full float32, TF32 and bf16-mixed; a
  run that is stopped and resumed beside one that is not.
* `ensemble`: four conv64 seeds as one program, in 32-true and bf16-mixed.
* `speed`: updates a second (of all members together: updates times members) through `vaescope
  train`'s own objects, as a CUDA graph and as before, beside a plain loop and the same loop as a
  CUDA graph, with the share of what issue and README want; `speed.json` after each case.
* `kernels`: where the device's time goes in an update of one and of 16 conv64.
* only if asked for, each within eight minutes or `--row-seconds` a row: `table1`, the dSprites rows
  of CVPR 2019's table 1, five seeds each as one program; `modified`, ICML 2021's beta-VAE on
  original, modified and noisy `shapes3d_like`; `standard`, the beta-VAE on dSprites at the field's
  length.

Run: python tests/benchmarks/gpu.py --out FOLDER [--parts equal speed ...] [--budget 540]
"""

import argparse
import contextlib
import csv
import io
import json
import logging
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import torch
from common import head, table
from gpu_papers import modified, standard, table1
from gpu_speed import QUIET, free, kernels, speed
from hydra import compose, initialize_config_dir

from vaescope.config.loading import config_dir, register_schemas
from vaescope.experiment import training
from vaescope.files import write_json
from vaescope.run_folder.environment_file import environment


def train(folder: Path, *words: str) -> list[dict[str, Any]]:
    """``vaescope train`` in this process; the rows of its scores."""
    with initialize_config_dir(config_dir(), version_base="1.3", job_name="benchmark"):
        config = compose("train", [f"output_dir='{folder}'", *QUIET, *words])
    with contextlib.redirect_stdout(io.StringIO()):
        return training.train(config)


def curve(folder: Path, key: str = "train/loss") -> list[float]:
    """One logged number by update."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [float(row[key]) for row in csv.DictReader(file) if row.get(key)]


def equal(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Losses on the device beside the CPU's, and a resumed run beside a straight one."""
    updates = 10 if settings.rehearse else 100
    smaller = ["data.batch_size=8"] if settings.rehearse else []
    words = [
        *("callbacks=[progress,checkpoint]", "callbacks.progress.every_n_steps=1", "statistics=[]"),
        f"schedule_steps={updates}",
        *("trainer.precision=32-true", f"trainer.max_steps={updates}", *smaller),
    ]
    cases = {
        "cpu": ["trainer.accelerator=cpu"],
        "device, float32": ["tf32=false"],
        "device, float32, no graph": ["tf32=false", "cuda_graph=false"],
        "device, TF32": ["tf32=true"],
        "device, bf16-mixed": ["trainer.precision=bf16-mixed"],
    }
    losses = {}
    for name, own in cases.items():
        train(scratch / name, *words, *own)
        losses[name] = curve(scratch / name)
    far = {
        name: max(abs(a - b) / abs(b) for a, b in zip(found, losses["cpu"], strict=True))
        for name, found in losses.items()
    }
    pair = [losses["device, float32"], losses["device, float32, no graph"]]
    graph = max(abs(a - b) / abs(b) for a, b in zip(*pair, strict=True))
    straight = [*words, "trainer.deterministic=true"]
    train(scratch / "whole", *straight)
    train(scratch / "half", *straight, f"trainer.max_steps={updates // 2}")
    train(scratch / "half", *straight, f"resume='{scratch / 'half'}'")
    states = [
        torch.load(scratch / name / "checkpoints/last.ckpt", "cpu", weights_only=True)["state_dict"]
        for name in ("whole", "half")
    ]
    gaps = [(states[0][key] - states[1][key]).abs().max().item() for key in states[0]]
    return {
        "updates": updates,
        "largest relative difference of a loss from the CPU's": far,
        "of a loss in a CUDA graph from one without": graph,
        "losses at the end": {name: found[-1] for name, found in losses.items()},
        "largest difference of a weight, resumed against straight": max(gaps),
    }


def ensemble(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Four seeds of the default network, with all default evaluations."""
    updates, size = (9, 2) if settings.rehearse else (300, 4)
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        began = time.perf_counter()
        rows = train(
            *(scratch / precision, f"ensemble.size={size}", f"trainer.precision={precision}"),
            *(f"trainer.max_steps={updates}", *_smaller(settings)),
        )
        losses = {row["seed"]: row["test/loss"] for row in rows}
        found[precision] = {"test/loss": losses, "seconds": time.perf_counter() - began}
    return found


def _smaller(settings: argparse.Namespace) -> list[str]:
    """What a rehearsal does less of."""
    fewer = ["callbacks.evaluation.num_samples=500", "data.batch_size=8", "statistics=[latents]"]
    return fewer if settings.rehearse else []


PARTS = {
    "equal": equal,
    "ensemble": ensemble,
    "speed": speed,
    "kernels": kernels,
    "table1": table1,
    "modified": modified,
    "standard": standard,
}
FIRST = ("equal", "ensemble", "speed", "kernels")  # unless others are asked for


def main() -> None:
    """Run the parts for which there is time."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--parts", nargs="+", default=FIRST, choices=list(PARTS))
    options.add_argument("--budget", type=int, default=540, help="seconds; nothing begins later")
    options.add_argument("--cases", nargs="+", default=["*"], help="of the part speed, patterns")
    options.add_argument("--row-seconds", type=int, help="of training; else a share")
    options.add_argument("--rehearse", action="store_true")
    settings = options.parse_args()
    logging.disable(logging.WARNING)
    register_schemas()
    settings.out.mkdir(parents=True, exist_ok=True)
    head("vaescope on a device", {k: v for k, v in vars(settings).items() if k != "out"})
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    results: dict[str, Any] = {"device": device, "environment": environment(0), "parts": {}}
    began = time.perf_counter()
    settings.end = began + settings.budget
    for name in settings.parts:
        if time.perf_counter() > settings.end:
            results["parts"][name] = "not begun: no time left"
            continue
        print(f"{name} ({time.perf_counter() - began:.0f} s)", flush=True)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                results["parts"][name] = PARTS[name](settings, Path(scratch))
        except Exception:  # the other parts go on
            results["parts"][name] = {"failed": traceback.format_exc()}
            traceback.print_exc()
        write_json(settings.out / "results.json", results)
        free()
    seconds = [(name, json.dumps(found)[:300]) for name, found in results["parts"].items()]
    table(["part", "result"], seconds)
    print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
