"""Training steps per second: a plain PyTorch loop against vaescope, in one process.

Model: the conv64 beta-VAE on dSprites, batch 64, fused Adam. One round runs, one after the other,

* plain: ``index_select`` of random rows of a uint8 tensor of images in memory, to float32 (the
  fastest of the obvious ways), ``torch.randn`` noise, forward and loss (written out here) under
  autocast, backward, Adam;
* bare: ``vaescope train`` with ``callbacks=[] logger=[]``;
* default: ``vaescope train`` with the default callbacks and loggers (wandb offline): evaluation of
  5,000 images with all statistics every 1,000 steps, a checkpoint every 500, terms every 50.

Timed are ``--steps`` updates after ``--warmup``; imports, packing, the evaluation before the first
update and the figures and report at the end are not. Let ``--steps`` be a multiple of 1,000, so
that evaluations and checkpoints have their share. vaescope reads the bit-packed cache (built at the
first run, read once beforehand, so that it lies in the page cache). Ratios are medians over rounds
of the ratio within a round: above 1 vaescope is faster. CPU time is that of all threads of this
process, without wandb's own; it is steadier on a busy machine. ``--network linear`` shows the
loop's own cost.

The last column is the share of the machine's peak: the time of large matrix products in the same
precision, with as many multiplications and additions as the updates' layers have forward and
backward (torch's `FlopCounterMode`), over the time of the updates.

Run: python tests/benchmarks/training_speed.py --threads 1 --steps 1000 --rounds 5 2>/dev/null
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from itertools import product

import torch
import torch.nn.functional as F
import wandb
from common import Clock, elapsed, head, interleaved, now, plain_config, ratios, ready_to_fit, table
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from vaescope.data import DSprites
from vaescope.experiment import trainers
from vaescope.experiment.assembly import build_model

SIZE = 2048  # of the matrices that show the peak
PEAK = "matrix products"


def plain_update(overrides: list[str], images: Tensor) -> Callable[[], None]:
    plain = plain_config("/unused", *overrides)
    torch.manual_seed(0)
    device, low = images.device, plain["trainer"]["precision"] == "bf16-mixed"
    model = build_model(plain, (1, 64, 64)).to(device)  # for its networks, nothing else
    if plain["channels_last"]:
        model.to(memory_format=torch.channels_last)
    encoder, decoder = model.encoder, model.decoder
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def update() -> None:
        x = images.index_select(0, torch.randint(len(images), (64,), device=device)).float()
        noise = torch.randn(64, 10, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            mean, log_variance = encoder(x).float().chunk(2, dim=1)
            logits = decoder(mean + (0.5 * log_variance).exp() * noise).float()
            nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
            kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)
            loss = nll.flatten(1).sum(1).mean() + 10 * kl.sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return update


def plain_loop(
    settings: argparse.Namespace, overrides: list[str], images: Tensor
) -> tuple[float, float]:
    update = plain_update(overrides, images)
    for step in range(settings.warmup + settings.steps):
        if step == settings.warmup:
            start = now()
        update()
    return elapsed(start)


def matrix_products(operations: float, precision: str, device: str) -> tuple[float, float]:
    """Seconds that so many operations take, from a tenth of them."""
    kind = torch.bfloat16 if precision == "bf16-mixed" else torch.float32
    a, each = torch.randn(SIZE, SIZE, device=device, dtype=kind), 2 * SIZE**3
    a @ a
    count = max(1, round(operations / 10 / each))
    start = now()
    for _ in range(count):
        a @ a
    wall, cpu = (seconds * operations / (count * each) for seconds in elapsed(start))
    return wall, cpu


def vaescope_loop(settings: argparse.Namespace, overrides: list[str]) -> tuple[float, float]:
    last = settings.warmup + settings.steps
    with tempfile.TemporaryDirectory() as folder:
        steps = f"trainer.max_steps={last + 1}"  # the last one's checkpoint is not timed
        plain = plain_config(folder, "data.cache=true", steps, *overrides)
        trainer, model, data = ready_to_fit(plain)
        clock = Clock(settings.warmup, last)
        trainer.callbacks.append(clock)
        trainers.fit(trainer, model, data, None)
        wandb.finish()
    return clock.taken


def measure(settings: argparse.Namespace, precision: str, layout: str, images: Tensor) -> None:
    overrides = [
        f"network={settings.network}",
        f"trainer.precision={precision}",
        f"channels_last={'true' if layout == 'nhwc' else 'false'}",
        f"trainer.accelerator={settings.device}",
    ]
    bare = [*overrides, "callbacks=[]", "logger=[]"]
    with FlopCounterMode(display=False) as counter:
        plain_update(overrides, images)()
    operations = counter.get_total_flops()
    cases = {
        PEAK: lambda: matrix_products(operations * settings.steps, precision, settings.device),
        "plain": lambda: plain_loop(settings, overrides, images),
        "vaescope, bare": lambda: vaescope_loop(settings, bare),
        "vaescope, default": lambda: vaescope_loop(settings, overrides),
    }
    if settings.bare_only:
        del cases["vaescope, default"]
    rows, taken = [], interleaved(cases, settings.rounds)
    for name, times in taken.items():
        wall, cpu = (settings.steps / min(t[clock] for t in times) for clock in (0, 1))
        speeds = [wall, 1e3 / wall, cpu, 1e3 / cpu]
        compared = [*ratios(taken, name, "plain", 0), *ratios(taken, name, "plain", 1)]
        share = ratios(taken, name, PEAK, 1 if settings.device == "cpu" else 0)
        rows.append([f"{precision} {layout} {name}", *speeds, *compared, *share])
    print(f"\n{operations / 1e9:.2f} G operations in the layers of an update")
    speeds = ["steps/s", "ms", "steps/CPU s", "CPU ms"]
    table(
        ["variant", *speeds, "ratio", "range", "CPU ratio", "range", "of the peak", "range"], rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precisions", nargs="+", default=["32-true", "bf16-mixed"])
    parser.add_argument("--network", default="conv64", help="linear: the cost of the loop alone")
    parser.add_argument("--layouts", nargs="+", default=["nhwc"], choices=["nhwc", "nchw"])
    parser.add_argument("--bare-only", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    logging.disable(logging.WARNING)
    head("Training speed; best round, ratios: median (and range) over rounds", vars(settings))
    dataset = DSprites(cache=True)
    dataset._packed.sum()  # into the page cache
    images = dataset.batch(torch.arange(0, len(dataset), 37)).image  # 82 MB as uint8
    images = images.to(settings.device, torch.uint8)
    for precision, layout in product(settings.precisions, settings.layouts):
        measure(settings, precision, layout, images)


if __name__ == "__main__":
    main()
