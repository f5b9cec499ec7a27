"""Training steps per second: a plain PyTorch loop against vaescope, in one process.

Model: the conv64 beta-VAE on dSprites, batch 64, fused Adam. One round runs, one after the other,

* plain: ``index_select`` of random rows of a uint8 tensor of images in memory, to float32 (the
  fastest of the obvious ways), ``torch.randn`` noise, forward and loss (written out here) under
  autocast, backward, Adam;
* bare: ``vaescope train`` with ``callbacks=[] logger=[]``;
* default: ``vaescope train`` with the default callbacks and loggers (wandb offline): a look at
  5,000 held-out images with all statistics and a checkpoint every 500 steps, terms every 50.

Timed are ``--steps`` updates after ``--warmup``; imports, packing, the look before the first update
and the pictures and report at the end are not. Let ``--steps`` be a multiple of 500, so that looks
and checkpoints have their share. vaescope reads the bit-packed cache (built at the first run, read
once beforehand, so that it lies in the page cache). Ratios are medians over rounds of the ratio
within a round: above 1 vaescope is faster. CPU time is that of all threads of this process, without
wandb's own; it is steadier on a busy machine. ``--network linear`` shows the loop's own cost.

Run: python tests/benchmarks/training_speed.py --threads 1 --steps 500 --rounds 5 2>/dev/null
"""

import argparse
import logging
import tempfile
from itertools import product
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
import wandb
from common import elapsed, head, interleaved, now, plain_config, ratios, table
from torch import Tensor

from vaescope import training
from vaescope.assembly import build_model
from vaescope.config import build
from vaescope.data import DSprites

Times = tuple[float, float]


class Clock(pl.Callback):
    """Seconds of the updates ``first`` to ``last``, all callbacks before it included."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.taken: Times = (0.0, 0.0)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.first:
            self.start = now()
        elif trainer.global_step == self.last:
            self.taken = elapsed(self.start)


def plain_loop(settings: argparse.Namespace, overrides: list[str], images: Tensor) -> Times:
    plain = plain_config("/unused", *overrides)
    torch.manual_seed(0)
    device = images.device
    model = build_model(plain, (1, 64, 64)).to(device)  # for the same weights, nothing else
    if plain["channels_last"]:
        model.to(memory_format=torch.channels_last)
    encoder, decoder = model.encoder, model.decoder
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    low = plain["trainer"]["precision"] == "bf16-mixed"
    for step in range(settings.warmup + settings.steps):
        if step == settings.warmup:
            start = now()
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
    return elapsed(start)


def vaescope_loop(settings: argparse.Namespace, overrides: list[str]) -> Times:
    last = settings.warmup + settings.steps
    with tempfile.TemporaryDirectory() as folder:
        # one more update, so that the checkpoint of the last one is not in the time
        steps = f"trainer.max_steps={last + 1}"
        plain = plain_config(folder, "data.cache=true", steps, *overrides)
        pl.seed_everything(plain["seed"], workers=True, verbose=False)
        data = build(plain["data"], "data")
        model = build_model(plain, data.image_shape)
        trainer = training._trainer(plain, data, resume=None)
        training._prepare(model, plain)
        clock = Clock(settings.warmup, last)
        trainer.callbacks.append(clock)
        training._fit(trainer, model, data, None)
        wandb.finish()
    return clock.taken


def measure(settings: argparse.Namespace, precision: str, layout: str, images: Tensor) -> None:
    overrides = [
        f"network={settings.network}",
        f"trainer.precision={precision}",
        f"channels_last={'true' if layout == 'nhwc' else 'false'}",
        f"trainer.accelerator={settings.device}",
    ]
    cases = {"plain": lambda: plain_loop(settings, overrides, images)}
    bare = [*overrides, "callbacks=[]", "logger=[]"]
    cases["vaescope, bare"] = lambda: vaescope_loop(settings, bare)
    if "default" in settings.variants:
        cases["vaescope, default"] = lambda: vaescope_loop(settings, overrides)
    taken = interleaved(cases, settings.rounds)
    rows = []
    for name, times in taken.items():
        wall, cpu = (settings.steps / min(t[clock] for t in times) for clock in (0, 1))
        row: list[Any] = [f"{precision} {layout} {name}", wall, 1e3 / wall, cpu, 1e3 / cpu]
        for clock in (0, 1):
            median, span = ratios(taken, name, "plain", clock)
            row += [f"{median:.3f}", span]
        rows.append(row)
    speeds = ["steps/s", "ms", "steps/CPU s", "CPU ms"]
    table(["variant", *speeds, "ratio", "range", "CPU ratio", "range"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precisions", nargs="+", default=["32-true", "bf16-mixed"])
    parser.add_argument("--network", default="conv64", help="linear: the cost of the loop alone")
    parser.add_argument("--layouts", nargs="+", default=["nhwc"], choices=["nhwc", "nchw"])
    parser.add_argument("--variants", nargs="+", default=["bare", "default"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    head("Training speed; best round, ratios: median (and range) over rounds", vars(settings))
    dataset = DSprites(cache=True)
    dataset._packed.sum()  # into the page cache
    images = dataset.batch(torch.arange(0, len(dataset), 37))["image"]  # 82 MB
    images = images.to("cpu" if settings.device == "cpu" else "cuda", torch.uint8)
    for precision, layout in product(settings.precisions, settings.layouts):
        measure(settings, precision, layout, images)


if __name__ == "__main__":
    main()
