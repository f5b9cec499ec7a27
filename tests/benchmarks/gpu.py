"""What a GPU gives: whether training there is right, how fast it is, and a table of CVPR 2019.

Made for a GPU that is at hand for ten minutes: parts run in order of what they decide, each writes
`results.json` whole when it ends, none begins after `--budget` seconds, and a part that fails is
recorded and does not stop the others. `--rehearse` runs the same calls on a CPU in a minute or two.

* `equal`: losses of 100 updates of the conv64 β-VAE on the device beside those on the CPU, from the
  same weights, batches and noise; a run that is stopped and resumed beside one that is not.
* `ensemble`: four conv64 seeds as one program, in 32-true and bf16-mixed.
* `speed`: updates a second (of all members together: updates times members) through `vaescope
  train`'s own objects, bare and with the default callbacks, beside a plain loop and the same loop
  as a CUDA graph.
* `table1`: the dSprites rows of table 1, five seeds each as one program, for `--row-seconds` each.

Run: python tests/benchmarks/gpu.py --out FOLDER [--parts equal speed ...] [--budget 540]
"""

import argparse
import contextlib
import csv
import gc
import io
import json
import logging
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from common import Clock, elapsed, head, now, plain_config, ready_to_fit, table
from hydra import compose, initialize_config_dir

from vaescope.config.loading import config_dir, register_schemas
from vaescope.experiment import training
from vaescope.experiment.assembly import build_model
from vaescope.files import write_json
from vaescope.run_folder.environment_file import environment

QUIET = ["logger=[csv]", "callbacks.progress.bar=false"]
ROWS = ("beta_vae", "vae", "autoencoder", "full")


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
    updates = 5 if settings.rehearse else 100
    words = [
        *("callbacks=[progress,checkpoint]", "callbacks.progress.every_n_steps=1", "statistics=[]"),
        *("trainer.precision=32-true", f"trainer.max_steps={updates}"),
    ]
    cases = {
        "cpu": ["trainer.accelerator=cpu"],
        "device 32-true": ["trainer.accelerator=auto"],
        "device bf16-mixed": ["trainer.accelerator=auto", "trainer.precision=bf16-mixed"],
    }
    losses = {}
    for name, own in cases.items():
        train(scratch / name, *words, *own)
        losses[name] = curve(scratch / name)
    far = {
        name: max(abs(a - b) / abs(b) for a, b in zip(found, losses["cpu"], strict=True))
        for name, found in losses.items()
    }
    firsts = {name: found[0] / losses["cpu"][0] - 1 for name, found in losses.items()}
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
        "relative difference of the first loss": firsts,
        "losses at the end": {name: found[-1] for name, found in losses.items()},
        "largest difference of a weight, resumed against straight": max(gaps),
    }


def ensemble(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Four seeds of the default network, with all default evaluations."""
    updates = 3 if settings.rehearse else 300
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        began = time.perf_counter()
        rows = train(
            *(scratch / precision, "ensemble.size=4", f"trainer.precision={precision}"),
            f"trainer.max_steps={updates}",
        )
        losses = {row["seed"]: row["test/loss"] for row in rows}
        found[precision] = {"test/loss": losses, "seconds": time.perf_counter() - began}
    return found


def updates_per_second(updates: int, *words: str) -> float:
    """Through vaescope's own training, once it runs at its speed; times the members."""
    first = max(2, updates // 5)
    with tempfile.TemporaryDirectory() as folder:
        plain = plain_config(folder, f"trainer.max_steps={first + updates + 1}", *words)
        trainer, model, data = ready_to_fit(plain)
        clock = Clock(first, first + updates)
        trainer.callbacks.append(clock)
        training._fit(trainer, model, data, None)
    return updates * plain["ensemble"]["size"] / clock.taken[0]


def plain_loop(updates: int, precision: str, graph: bool) -> float:
    """Updates a second of the conv64 β-VAE written out, its images drawn on the device."""
    plain = plain_config("/unused", f"trainer.precision={precision}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = build_model(plain, (1, 64, 64)).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, fused=True, capturable=device == "cuda"
    )
    images = torch.randint(2, (20_000, 1, 64, 64), device=device, dtype=torch.uint8)
    low = precision == "bf16-mixed"

    def update() -> None:
        x = images.index_select(0, torch.randint(len(images), (64,), device=device)).float()
        with torch.autocast(device, torch.bfloat16, enabled=low, cache_enabled=False):
            mean, log_variance = model.encoder(x).float().chunk(2, dim=1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            nll = F.binary_cross_entropy_with_logits(model.decoder(z).float(), x, reduction="none")
            kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
            loss = nll.flatten(1).sum(1).mean() + 10 * kl.sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    once: Callable[[], Any] = update
    if graph:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                update()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            update()
        once = captured.replay
    for _ in range(10):
        once()
    start = now()
    for _ in range(updates):
        once()
    return updates / elapsed(start)[0]


def speed(settings: argparse.Namespace, scratch: Path) -> dict[str, float]:
    """Updates a second, members counted."""
    few = 3 if settings.rehearse else None
    bare = ["callbacks=[]", "logger=[]"]
    cases: dict[str, Callable[[], float]] = {}
    for precision in ("32-true", "bf16-mixed"):
        own = [f"trainer.precision={precision}"]
        cases |= {
            f"conv64 x 1, bare, {precision}": lambda own=own: updates_per_second(
                few or 500, *own, *bare
            ),
            f"conv64 x 16, {precision}": lambda own=own: updates_per_second(
                few or 60, *own, *bare, "ensemble.size=16"
            ),
            f"1200s x 20, batch 256, {precision}": lambda own=own: updates_per_second(
                *(few or 100, *own, *bare, "ensemble.size=20", "network=mlp"),
                *("data.batch_size=256", "latent_dim=5"),
            ),
            f"plain loop conv64, {precision}": lambda p=precision: plain_loop(few or 500, p, False),
        }
        if torch.cuda.is_available():
            cases[f"plain loop conv64, {precision}, CUDA graph"] = lambda p=precision: plain_loop(
                2000, p, True
            )
    linear = ["experiment=synthetic_linear", "trainer.precision=32-true"]
    cases |= {
        "conv64 x 1, default callbacks, fast precision": lambda: updates_per_second(
            few or 500, *QUIET
        ),
        "conv64 x 16, member by member, bf16-mixed": lambda: updates_per_second(
            *(few or 20, *bare, "ensemble.size=16", "ensemble.batched=false"),
            "trainer.precision=bf16-mixed",
        ),
        "synthetic_linear x 20": lambda: updates_per_second(
            few or 500, *linear, *bare, "ensemble.size=20"
        ),
        "synthetic_linear x 20, compiled": lambda: updates_per_second(
            few or 500, *linear, *bare, "ensemble.size=20", "compile=true"
        ),
    }
    found: dict[str, Any] = {}
    for name, case in cases.items():
        try:
            found[name] = round(case(), 1)
        except Exception as error:  # a case that fails is a result
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        print(f"  {name}: {found[name]}", flush=True)
        write_json(settings.out / "speed.json", found)
        _free()
    return found


def table1(settings: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Table 1's dSprites rows, as far as their seconds go."""
    found: dict[str, Any] = {}
    for row in ROWS:
        began = time.perf_counter()
        limit = [f"trainer.max_time='00:00:{settings.row_seconds // 60:02d}:"]
        limit = [f"{limit[0]}{settings.row_seconds % 60:02d}'"]
        if settings.rehearse:
            limit = ["trainer.max_epochs=-1", "trainer.max_steps=2"]
        rows = train(
            *(scratch / row, f"experiment=cvpr2019_table1_dsprites_{row}", "ensemble.size=5"),
            *("data.batch_size=256", "trainer.precision=32-true", *limit),
            "callbacks=[progress,finite,evaluation,checkpoint]",
        )
        keys = [key for key in rows[0] if key.startswith("test/")]
        scores = {key: [row.get(key) for row in rows] for key in keys}
        found[row] = {
            "updates": rows[0]["step"],
            "seeds": len(rows),
            "seconds": round(time.perf_counter() - began, 1),
            "scores": scores,
        }
        write_json(settings.out / "table1.json", found)
        dto = [value for value in scores.get("test/dto", []) if value is not None]
        spread = statistics.stdev(dto) if len(dto) > 1 else 0.0
        print(
            f"  {row}: {rows[0]['step']} updates, {len(rows)} seeds, DtO "
            f"{statistics.fmean(dto or [float('nan')]):.3f} ± {spread:.3f}, "
            f"{found[row]['seconds']} s",
            flush=True,
        )
        _free()
    return found


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


PARTS = {"equal": equal, "ensemble": ensemble, "speed": speed, "table1": table1}


def main() -> None:
    """Run the parts for which there is time."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    options.add_argument("--budget", type=int, default=540, help="seconds; no part begins later")
    options.add_argument("--row-seconds", type=int, default=75)
    options.add_argument("--rehearse", action="store_true")
    settings = options.parse_args()
    logging.disable(logging.WARNING)
    register_schemas()
    settings.out.mkdir(parents=True, exist_ok=True)
    head("vaescope on a device", {k: v for k, v in vars(settings).items() if k != "out"})
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    results: dict[str, Any] = {"device": device, "environment": environment(0), "parts": {}}
    began = time.perf_counter()
    for name in settings.parts:
        if time.perf_counter() - began > settings.budget:
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
        _free()
    seconds = [(name, json.dumps(found)[:300]) for name, found in results["parts"].items()]
    table(["part", "result"], seconds)
    print(f"{time.perf_counter() - began:.0f} s in all")


if __name__ == "__main__":
    main()
